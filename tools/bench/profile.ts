import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The parts of V8's CPU profile that are used here. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: Frame;
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface Times {
  readonly busyMs: number;
  readonly byPackage: ReadonlyMap<string, number>;
  readonly byFunction: ReadonlyMap<string, number>;
  /** Our functions with everything that they call. */
  readonly inclusive: ReadonlyMap<string, number>;
}

/** Says for each CPU profile below `folder` where the time went: by package, function, and our functions. */
export function profileReport(folder: string, root: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const profiles = files.filter((file) => file.endsWith('.cpuprofile')).sort();
  return profiles.map((file) => section(file, timesOf(join(folder, file), root))).join('\n\n');
}

function section(file: string, { busyMs, byPackage, byFunction, inclusive }: Times): string {
  const list = (title: string, times: ReadonlyMap<string, number>, most: number): string => {
    const top = [...times].sort(([, a], [, b]) => b - a).slice(0, most);
    const rows = top.map(
      ([name, ms]) => `  ${((100 * ms) / busyMs).toFixed(1).padStart(5)} %  ${name}`,
    );
    return [`${title}:`, ...rows].join('\n');
  };
  return [
    `${file}: ${(busyMs / 1_000).toFixed(1)} s busy`,
    list('by package, own time', byPackage, 25),
    list('by function, own time', byFunction, 30),
    list('our functions with what they call', inclusive, 60),
  ].join('\n');
}

const IDLE = ['(idle)', '(root)'];

function timesOf(path: string, root: string): Times {
  const profile = JSON.parse(readFileSync(path, 'utf8')) as Profile;
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const above = callersOf(profile);
  const times = { byPackage: new Map(), byFunction: new Map(), inclusive: new Map() };
  let busyMs = 0;
  for (const [id, ms] of ownTimes(profile)) {
    const frame = frames.get(id);
    if (frame === undefined || IDLE.includes(frame.functionName)) continue;
    busyMs += ms;
    const place = placeOf(frame.url, root);
    add(times.byPackage, place.group || frame.functionName, ms);
    add(times.byFunction, `${frame.functionName || '(anonymous)'} ${place.file}`, ms);
    const stack = above(id).flatMap((one) => frames.get(one) ?? []);
    // A function that calls itself counts once.
    for (const name of new Set(stack.flatMap((one) => ourName(one, root)))) {
      add(times.inclusive, name, ms);
    }
  }
  return { busyMs, ...times };
}

/** @returns for a node the ids of itself and of all nodes above it. */
function callersOf({ nodes }: Profile): (id: number) => number[] {
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  return (id) => {
    const stack: number[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) stack.push(at);
    return stack;
  };
}

function ownTimes({ samples, timeDeltas }: Profile): Map<number, number> {
  const own = new Map<number, number>();
  for (const [index, id] of samples.entries())
    own.set(id, (own.get(id) ?? 0) + (timeDeltas[index] ?? 0) / 1_000);
  return own;
}

function ourName({ functionName, url, lineNumber }: Frame, root: string): string[] {
  const { file, ours } = placeOf(url, root);
  return ours ? [`${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`] : [];
}

function add(times: Map<string, number>, name: string, ms: number): void {
  times.set(name, (times.get(name) ?? 0) + ms);
}

/** Package, folder of ours or `node:` module that a script belongs to. */
function placeOf(url: string, root: string): { group: string; file: string; ours: boolean } {
  if (url === '') return { group: '', file: '', ours: false };
  if (url.startsWith('node:')) {
    const group = url.split('/').slice(0, 2).join('/');
    return { group, file: url, ours: false };
  }
  const path = url.startsWith('file:') ? fileURLToPath(url) : url;
  const inside = path.lastIndexOf('node_modules/');
  if (inside >= 0) {
    const file = path.slice(inside + 'node_modules/'.length);
    const [first = '', second = ''] = file.split('/');
    return { group: first.startsWith('@') ? `${first}/${second}` : first, file, ours: false };
  }
  const file = path.startsWith(root) ? path.slice(root.length + 1) : path;
  return { group: `ours: ${file.split('/')[0]}`, file, ours: true };
}
