/**
 * Where a ciphertext is stored, as the text that it authenticates: rows cannot be exchanged unseen.
 * One function per place; the same text for writing and reading.
 */
export const titlePlace = (requestId: string): string => `request/${requestId}/title`;

export const contentPlace = (requestId: string): string => `request/${requestId}/content`;

export const reasonPlace = (requestId: string): string => `request/${requestId}/reason`;

export const commandPlace = (commandId: string): string => `command/${commandId}`;

export const openingPlace = (stream: string, seq: number, path: string): string =>
  `opening/${stream}/${seq}/${path}`;

export const referencePlace = (stream: string, subject: string): string =>
  `reference/${stream}/${subject}`;

export const answerPlace = (name: { principal: string; route: string; key: string }): string =>
  `answer/${name.principal}/${name.route}/${name.key}`;

export const exceptionReasonPlace = (id: string): string => `exception/${id}/reason`;
