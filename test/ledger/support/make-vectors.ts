import { mkdirSync, writeFileSync } from 'node:fs';

import { buildVectors } from './vectors.ts';

// node test/ledger/support/make-vectors.ts <folder>: writes the vectors of the present version into a
// folder that has none of them. Vectors that exist are never written again.

const folder = process.argv[2];
if (folder === undefined) throw new TypeError('name the folder');
mkdirSync(folder, { recursive: true });
for (const [name, value] of Object.entries(buildVectors())) {
  writeFileSync(`${folder}/${name}`, `${JSON.stringify(value, null, 1)}\n`, { flag: 'wx' });
}
