import { EngineUnavailable } from './engine-unavailable.ts';

/** At most `limit` calls at once per request; the others wait their turn, not longer than their deadline. */
export function createQueues(limit: number) {
  const waiting = new Map<string, { running: number; readonly turns: (() => void)[] }>();
  return {
    async run<T>(key: string, deadline: number, work: () => Promise<T>): Promise<T> {
      const queue = waiting.get(key) ?? { running: 0, turns: [] };
      waiting.set(key, queue);
      if (queue.running >= limit) await turn(queue.turns, deadline);
      else queue.running += 1;
      try {
        return await work();
      } finally {
        const next = queue.turns.shift();
        if (next === undefined) queue.running -= 1;
        else next(); // the place passes on
        if (queue.running === 0) waiting.delete(key);
      }
    },
  };
}

function turn(turns: (() => void)[], deadline: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const mine = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(
      () => {
        turns.splice(turns.indexOf(mine), 1);
        reject(new EngineUnavailable(new Error('too many acts on one request at once')));
      },
      Math.max(0, deadline - Date.now()),
    );
    turns.push(mine);
  });
}
