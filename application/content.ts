/**
 * What was submitted, as it was sent: no defaults filled in. `api/contract/submission.ts` holds the
 * schema that checks it, and the compiler holds the two together.
 *
 * @source product contract 3.1
 */
export type Content = AiDecision | VendorApproval | PolicyChange;

type DataClass = 'public' | 'internal' | 'confidential' | 'personal';
type JsonObject = Readonly<Record<string, unknown>>;

interface Envelope {
  readonly title: string;
  readonly summary?: string | undefined;
  readonly action: {
    readonly operation: string;
    readonly target: string;
    readonly parameters?: JsonObject | undefined;
  };
  /** Id of an existing person. */
  readonly onBehalfOf?: string | undefined;
  /** Policy can only raise it; absent = medium. */
  readonly riskTier?: 'low' | 'medium' | 'high' | undefined;
  readonly attachments?:
    | readonly {
        readonly name: string;
        readonly mediaType: string;
        readonly sha256: string;
        readonly bytes: number;
      }[]
    | undefined;
  readonly callbackUrl?: string | undefined;
}

interface AiDecision extends Envelope {
  readonly kind: 'ai-decision';
  readonly context: AiDecisionContext;
}

interface AiDecisionContext {
  readonly system: string;
  readonly model: {
    readonly provider?: string | undefined;
    readonly name: string;
    readonly version: string;
    readonly parameters?: JsonObject | undefined;
  };
  readonly logic?:
    | { readonly kind: string; readonly ref: string; readonly sha256?: string | undefined }
    | undefined;
  /** Each carries its value or, hash only, the SHA-256 of it. */
  readonly inputs?:
    | readonly {
        readonly name: string;
        readonly value?: unknown;
        readonly sha256?: string | undefined;
        readonly dataClass?: DataClass | undefined;
        readonly source?: string | undefined;
        readonly legalBasis?: string | undefined;
      }[]
    | undefined;
  readonly output: { readonly value: unknown; readonly dataClass?: DataClass | undefined };
  readonly rationale: string;
  /** 0 to 1, both included. */
  readonly confidence?: number | undefined;
  readonly recipient?: string | undefined;
  readonly impact?:
    | {
        readonly affected?: number | undefined;
        readonly effect?: 'rights' | 'money' | 'access' | 'none' | undefined;
        readonly reversible?: boolean | undefined;
      }
    | undefined;
  readonly riskAssessment?: { readonly ref: string; readonly date: string } | undefined;
}

interface VendorApproval extends Envelope {
  readonly kind: 'vendor-approval';
  readonly context: {
    readonly vendor:
      | { readonly id: string }
      | {
          readonly legalName: string;
          readonly country?: string | undefined;
          readonly website?: string | undefined;
        };
    readonly product: { readonly name: string; readonly version?: string | undefined };
    readonly useCase: {
      readonly purpose: string;
      readonly dataClasses: readonly DataClass[];
      readonly deploymentRegion: string;
      readonly personalDataEu: boolean;
      readonly matterSensitivity: 'low' | 'medium' | 'high';
    };
    readonly contract?:
      | {
          readonly start: string;
          readonly end: string;
          /** An amount as a string: money is never a number. */
          readonly value?: string | undefined;
          readonly currency?: string | undefined;
        }
      | undefined;
    readonly owner: string;
  };
}

/** Made by publishing a version where publishing needs an approval; nobody submits it otherwise. */
export interface PolicyChange extends Envelope {
  readonly kind: 'policy-change';
  readonly context: {
    readonly policy: string;
    /** Number that the version gets when it is approved. */
    readonly version: number;
    /** The version before; null where this is the first. */
    readonly before: number | null;
    /** SHA-256 of `source`, 64 lower-case hex characters. */
    readonly sha256: string;
    /** The exact text. */
    readonly source: string;
    /** What changes, in words. */
    readonly changes: readonly {
      readonly pointer: string;
      readonly change: 'added' | 'removed' | 'changed' | 'moved';
      readonly words: string;
    }[];
    /** The two texts beside each other, as a unified diff. */
    readonly unified: string;
  };
}

/** Optional parts of an AI decision's context: how many are there is the completeness score. */
const COUNTED = ['logic', 'inputs', 'confidence', 'recipient', 'impact', 'riskAssessment'] as const;

/** @returns how many optional parts of the context are there, or null where the kind counts none. */
function completenessOf(content: Content): { supplied: number; of: number } | null {
  if (content.kind !== 'ai-decision') return null;
  const { context } = content;
  const supplied = COUNTED.filter((part) => context[part] !== undefined).length;
  return { supplied, of: COUNTED.length };
}

/** What an amendment may change: whole fields, never the kind or the person acted for. */
export type ContentChange = Readonly<
  Partial<
    Pick<
      Content,
      'title' | 'summary' | 'action' | 'context' | 'riskTier' | 'attachments' | 'callbackUrl'
    >
  >
>;

/** @returns the content with the changed fields. @param change of the same kind: the caller has checked it. */
export function changed(content: Content, change: ContentChange): Content {
  return { ...content, ...change } as Content;
}

/** What a submission says in numbers and classes: it stands in the clear in the first record. */
export interface SubmittedFacts {
  readonly tierAsked: 'low' | 'medium' | 'high' | null;
  readonly dataClass: DataClass | null;
  /** Version of the schema of the kind's context. */
  readonly contextVersion: number;
  readonly affected: number | null;
  readonly impact: 'rights' | 'money' | 'access' | 'none' | null;
  readonly reversible: boolean | null;
  readonly confidencePermille: number | null;
  readonly attachments: number;
  readonly completeness: { readonly supplied: number; readonly of: number } | null;
  /** Stream of the policy that it would change; absent or null where it changes none. */
  readonly aboutStream?: string | null;
}

export function submittedFacts(content: Content): SubmittedFacts {
  const { confidence, impact } = content.kind === 'ai-decision' ? content.context : {};
  return {
    tierAsked: content.riskTier ?? null,
    dataClass: dataClassOf(content),
    contextVersion: 1,
    affected: impact?.affected ?? null,
    impact: impact?.effect ?? null,
    reversible: impact?.reversible ?? null,
    confidencePermille: confidence === undefined ? null : Math.round(confidence * 1_000),
    attachments: content.attachments?.length ?? 0,
    completeness: completenessOf(content),
  };
}

const RISING: readonly DataClass[] = ['public', 'internal', 'confidential', 'personal'];

/** @returns the highest class of data that the content names; null where it names none. */
export function dataClassOf(content: Content): DataClass | null {
  return highest(classesOf(content));
}

function classesOf(content: Content): (DataClass | undefined)[] {
  if (content.kind === 'policy-change') return [];
  if (content.kind === 'vendor-approval') return [...content.context.useCase.dataClasses];
  const { inputs = [], output } = content.context;
  return [...inputs.map((input) => input.dataClass), output.dataClass];
}

/** @returns null where no class was supplied at all. */
function highest(classes: readonly (DataClass | undefined)[]): DataClass | null {
  return RISING.findLast((one) => classes.includes(one)) ?? null;
}
