import { gate } from './gate.ts';
import type { GateInput } from './messages.ts';

/** Gates the approval of a vendor for one use. */
export async function vendorApproval(input: GateInput): Promise<void> {
  await gate(input);
}
