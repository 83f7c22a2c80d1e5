import { gate } from './gate.ts';
import type { GateInput } from './messages.ts';

/** Gates a critical AI decision: nothing proceeds until people have answered for it. */
export async function aiDecision(input: GateInput): Promise<void> {
  await gate(input);
}
