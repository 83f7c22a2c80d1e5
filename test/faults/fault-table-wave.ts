import { eventually, soundChain } from '../support/acts.ts';
import { countOf } from '../workflows/temporal.ts';
import { UNREPORTED, type Phase, type Prepare, type Prepared } from './fault-table-acts.ts';
import type { Hold, Point } from './fault-table-wire.ts';
import { insist, type Answer, type Fault, type World } from './fault-table-world.ts';

// All cells of one fault are brought to their places, each on a request of its own, and then it strikes
// once: the table stays complete and still fits into minutes.

/** One cell: an act, and where the fault meets it. */
export interface Cell {
  readonly name: string;
  readonly prepare: Prepare;
  readonly phase: Phase | 'later' | 'after';
  /** What is stopped, where it is not the act's own statement. */
  readonly stop?: (prepared: Prepared) => { readonly token: string; readonly point: Point };
  /** Comes to its place after a while of its own, so it is begun first. */
  readonly isSlow?: boolean;
  /** What else is true afterwards. */
  readonly thenHolds?: (world: World, outcome: Outcome) => Promise<void>;
}

/** What became of one cell. */
export interface Outcome {
  readonly prepared: Prepared;
  /** What the caller heard whom the fault met. */
  readonly met: Answer;
  /** The chain after the fault and before anybody repeated anything. */
  readonly meanwhile: readonly string[];
  /** The same act with the same key, twice. */
  readonly answers: readonly Answer[];
}

interface Begun {
  readonly cell: Cell;
  readonly prepared: Prepared;
  /** null: it is in its place anyway. */
  readonly hold: Hold | null;
  readonly answer: Promise<Answer>;
}

const NOTHING: Answer = { status: 0, text: '', replayed: false };

/** How long an act may stand where it was stopped: the product gives up a statement after seven seconds. */
const GATHER_MS = 20_000;
const ATTEMPTS = 3;

/** @throws where the acts could not be brought to their places. */
export async function wave(
  world: World,
  fault: Fault,
  cells: readonly Cell[],
): Promise<Map<string, Outcome>> {
  for (let attempt = 1; ; attempt += 1) {
    const begun = await gather(world, cells);
    const isCutOff = await cutOffReports(world, begun);
    const missed = begun.filter(
      ({ hold }) => hold !== null && (!hold.isReached() || hold.isLost()),
    );
    if (missed.length === 0 && isCutOff) {
      await hit(world, fault, begun);
      return settleAll(world, fault, begun);
    }
    for (const { hold } of begun) hold?.release();
    world.uplink.thaw();
    const names = missed.map(({ cell }) => `${cell.name}: ${cell.phase}`).join('; ');
    const heard = await Promise.all(missed.map(({ answer }) => answer));
    if (attempt === ATTEMPTS)
      throw new Error(
        `not in place: ${names} ${JSON.stringify(heard)}\n${world.output().slice(-4_000)}`,
      );
    await Promise.all(begun.map(({ answer }) => answer));
  }
}

async function gather(world: World, cells: readonly Cell[]): Promise<Begun[]> {
  const ordered = [...cells].sort((a, b) => Number(b.isSlow ?? false) - Number(a.isSlow ?? false));
  const all = await Promise.all(
    ordered.map(async (cell) => ({ cell, prepared: await cell.prepare(world) })),
  );
  await Promise.all(all.map(({ prepared }) => gateSleeps(world, prepared)));
  const begin = ({ cell, prepared }: (typeof all)[number]): Begun => {
    const stop = cell.stop?.(prepared);
    const hold = stop === undefined ? null : world.holds.hold(stop.token, stop.point);
    const { act } = prepared;
    // What comes after the fault, or comes by itself, is not called now.
    const isCalled = act !== null && hold !== null;
    const answer = isCalled ? world.call(act.who, act.path, act) : Promise.resolve(NOTHING);
    return { cell, prepared, hold, answer };
  };
  const slow = all.filter(({ cell }) => cell.isSlow === true).map(begin);
  await inPlace(slow);
  const begun = [...slow, ...all.filter(({ cell }) => cell.isSlow !== true).map(begin)];
  await inPlace(begun);
  return begun;
}

/** A gate that has just begun may look once by itself, which is not the act that is to be stopped. */
async function gateSleeps(world: World, { requestId }: Prepared): Promise<void> {
  if (requestId === null) return;
  await eventually('a gate', GATHER_MS, async () => {
    const history = await world.port.history(requestId).catch(() => null);
    return history !== null && countOf(history, 'workflowTaskCompleted') > 0;
  });
}

async function inPlace(begun: readonly Begun[]): Promise<void> {
  const all = Promise.all(begun.map(async ({ hold }) => hold?.reached));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, GATHER_MS)));
  await Promise.race([all, late]);
  clearTimeout(timer);
}

/** Those who have committed go on, and their worker's report is kept from Temporal. @returns whether it was made. */
async function cutOffReports(world: World, begun: readonly Begun[]): Promise<boolean> {
  const unreported = begun.filter(({ cell }) => cell.phase === UNREPORTED);
  if (unreported.length === 0) return true;
  if (unreported.some(({ hold }) => hold?.isReached() !== true)) return false;
  world.uplink.freeze();
  for (const { hold } of unreported) hold?.release();
  const isKept = async (): Promise<boolean> => world.uplink.kept().includes('finished');
  return eventually('the report to Temporal', 4_000, isKept).catch(() => false);
}

async function hit(world: World, fault: Fault, begun: readonly Begun[]): Promise<void> {
  await world.strike(fault);
  for (const { hold } of begun) hold?.release();
  world.uplink.thaw();
  await world.mend();
}

async function settleAll(
  world: World,
  fault: Fault,
  begun: readonly Begun[],
): Promise<Map<string, Outcome>> {
  const entries = await Promise.all(
    begun.map(async ({ cell, prepared, answer }) => {
      const met = await answer;
      // Nobody repeats it: what was written is brought to its end all the same.
      if (fault === 'the API is killed') await decidedByItself(world, prepared);
      const meanwhile = await kindsOf(world, prepared.requestId);
      const { act } = prepared;
      const answers = act === null ? [] : [await insist(world, 40_000, act)];
      if (act !== null) answers.push(await insist(world, 10_000, act));
      await allSealed(world, { prepared, answers });
      return [`${cell.name}, ${cell.phase}`, { prepared, met, meanwhile, answers }] as const;
    }),
  );
  return new Map(entries);
}

/** Time, and the people whom it concerns that somebody left, bring about theirs a little later. */
async function allSealed(
  world: World,
  { prepared, answers }: Pick<Outcome, 'prepared' | 'answers'>,
): Promise<void> {
  const id = prepared.requestId ?? idIn(answers[0]);
  const { length } = [...prepared.before, ...prepared.adds];
  await eventually('what follows', 40_000, async () => (await kindsOf(world, id)).length >= length);
}

/** @returns the id of what an answer shows. */
export function idIn(answer: Answer | undefined): string {
  return (JSON.parse(answer?.text ?? '{}') as { id?: string }).id ?? '';
}

async function decidedByItself(world: World, { requestId }: Prepared): Promise<void> {
  if (requestId === null) return;
  await eventually('the dispatcher to bring the command', 40_000, async () => {
    const rows = await world.deps.db.query(
      'SELECT id FROM command WHERE request_id = $1 AND answer IS NULL',
      [requestId],
    );
    return rows.length === 0;
  });
}

export async function kindsOf(world: World, requestId: string | null): Promise<string[]> {
  if (requestId === null) return [];
  return (await soundChain(world.deps, requestId)).kinds;
}
