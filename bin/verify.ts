import { parseArgs } from 'node:util';
import { SetupError } from './setup-error.ts';
import { EXIT } from './verify-exit.ts';
import type { OfflineOptions } from './verify-offline.ts';

const HELP = `npm run verify -- <request id> [--json]
npm run verify -- <bundle.zip> --key <verifier key or file> [--request <id>] [--origin <log>] [--since <checkpoint>] [--json]
npm run verify -- --fsck [--key <verifier key or file>] [--json]

With the id of a request: recomputes its chain from the exact bytes of its records: form, order, links,
time, the rules of the procedure, and every opening that is still there. Reads DATABASE_URL, or the
embedded database of a running \`npm start\`.

With an evidence bundle: checks it against nothing but the keys given. No network, no database, no
settings. The key comes from you and never from the bundle; --key and --since may be repeated.
--request names the request that you ask about: a bundle of another one is invalid. Without it, the one in
the name of the file counts where that is countersign-evidence-<id>.zip. The answer names the request.
--since names a checkpoint that you kept: the log must be its continuation. A bundle cannot answer for a
checkpoint that is newer than itself: the verdict is then incomplete.

With --fsck: the whole log of a running installation: every record, link, leaf, tile, root, checkpoint,
what the signer remembers, and what programs read of each request. Changes nothing.

Exit code: 0 valid, 1 invalid, 2 incomplete (something is not disclosed, erased or not answered), 3 usage or fault.
`;

const REQUEST_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n`);
  return EXIT.usage;
});

/** One branch for each thing that can be verified; each loads only what it needs. */
async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      fsck: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      key: { type: 'string', multiple: true, default: [] },
      origin: { type: 'string' },
      request: { type: 'string' },
      since: { type: 'string', multiple: true, default: [] },
    },
  });
  const [what] = positionals;
  if (values.fsck && what === undefined && !values.help) {
    const { verifyLog } = await import('./verify-log.ts');
    return verifyLog(values.key, values.json);
  }
  if (values.help || what === undefined || positionals.length > 1) {
    process.stdout.write(HELP);
    return values.help ? EXIT.valid : EXIT.usage;
  }
  const { key, origin = null, request = null, since, json } = values;
  const options = { keys: key, origin, request, since, asJson: json };
  return REQUEST_ID.test(what) ? verifyRequest(what, options) : verifyBundleFile(what, options);
}

async function verifyBundleFile(path: string, options: OfflineOptions): Promise<number> {
  const { verifyOffline } = await import('./verify-offline.ts');
  return verifyOffline(path, options);
}

/** @throws SetupError for options that mean nothing here. */
async function verifyRequest(id: string, options: OfflineOptions): Promise<number> {
  if (
    options.keys.length > 0 ||
    [options.origin, options.request].some((one) => one !== null) ||
    options.since.length > 0
  )
    throw new SetupError(
      '--key, --origin, --request and --since are for bundles; a request is read from the database.',
    );
  const { verifyStored } = await import('./verify-stored.ts');
  return verifyStored(id, options.asJson);
}
