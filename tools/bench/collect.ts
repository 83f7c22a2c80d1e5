/**
 * Loaded into programs of the product before their own code where memory is measured: on SIGUSR2 every
 * thread collects its garbage, so that what is counted is held and not only left over.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: object) => void;
const everything = { type: 'major', execution: 'sync', flavor: 'last-resort' };

const threads = new BroadcastChannel('countersign-bench-collect');
threads.onmessage = () => collect(everything);
threads.unref();

if (isMainThread)
  process.on('SIGUSR2', () => {
    threads.postMessage(null);
    collect(everything);
  });
