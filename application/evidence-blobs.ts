import type { BlobMark } from '../ledger/bundle-format.ts';
import { policyVersionName } from '../domain/policy.ts';
import { sha256Hex } from '../ledger/hash.ts';
import { jcs } from '../ledger/jcs.ts';
import type { BlobRef, LedgerRecord } from '../ledger/record.ts';
import { findPolicyVersion } from '../prisma/policy-store.ts';
import { ApplicationError } from './error.ts';
import type { Disclosed, Reading } from './evidence-disclosure.ts';
import { viewAgain } from './evidence-views.ts';
import { formerContentsOf, readContent } from './request-queries.ts';

// Contents behind the digests that records name: what was submitted, policy texts, views.
// @source docs/adr/0011-evidence.md

/** Contents that are stored with the request, or with its policy; of anything else only the digest is. */
const STORED: readonly BlobRef['name'][] = ['request', 'action', 'policy'];

export async function openBlobs(reader: Reading): Promise<Disclosed['blobs']> {
  const blobs = new Map<string, Disclosed['blobs'][number]>();
  const contents = await keptContents(reader);
  for (const record of reader.records) {
    for (const ref of record.refs) {
      const { sha256 } = ref;
      if (blobs.get(sha256)?.bytes) continue;
      const bytes = await blobOf(reader, contents, { record, ref });
      const state = stateOf(reader, { record, ref, bytes });
      if (state === null) continue; // missing, and the verifier says so
      blobs.set(sha256, { mark: { sha256, state }, bytes: state === 'disclosed' ? bytes : null });
    }
  }
  return [...blobs.values()];
}

interface Named {
  readonly record: LedgerRecord;
  readonly ref: BlobRef;
}

/** @returns null where it must be here and is not. */
function stateOf(
  reader: Reading,
  { record, ref, bytes }: Named & { readonly bytes: Uint8Array | null },
): BlobMark['state'] | null {
  if (bytes !== null) return seesBlob(reader, record, ref) ? 'disclosed' : 'not_disclosed';
  if (reader.erased.blobs.has(ref.sha256)) return 'erased';
  return STORED.includes(ref.name) ? null : 'not_kept';
}

/** A view names who else is excluded, so it is shown to whoever saw it; the rest every reader sees. */
function seesBlob({ sees, self }: Reading, record: LedgerRecord, { name }: BlobRef): boolean {
  if (sees === 'all' || name !== 'view') return true;
  return self !== null && record.kind === 'viewed' && record.body.person_c === self;
}

/** What can be made again without looking at a record, by digest: contents, actions and policy texts. */
async function keptContents(reading: Reading): Promise<ReadonlyMap<string, Uint8Array>> {
  const { deps, row } = reading;
  const policyVersion = policyVersionName(row.state.policy);
  const [content, former, policies] = await Promise.all([
    readContent(deps, row).catch(nullIfErased),
    formerContentsOf(deps, row),
    policyTexts(reading),
  ]);
  const present = content === null ? [] : [{ content, policyVersion }];
  const texts = [...former, ...present].flatMap((kept) => {
    const { kind, action } = kept.content;
    return [
      jcs({ ...kept.content, policyVersion: kept.policyVersion }),
      jcs({ kind, action, policyVersion: kept.policyVersion }),
    ];
  });
  return new Map([...policies, ...texts].map((text) => [sha256Hex(text), Buffer.from(text)]));
}

/** Texts of every version that has governed the request: an amended content can fall under another rule. */
async function policyTexts({ deps, records }: Reading): Promise<string[]> {
  const bound = records.flatMap((record) =>
    record.kind === 'policy_bound' ? [`${record.body.policy_id}@${record.body.version}`] : [],
  );
  const versions = await Promise.all(
    [...new Set(bound)].map((name) => {
      const at = name.lastIndexOf('@');
      return findPolicyVersion(deps.db, name.slice(0, at), Number(name.slice(at + 1)));
    }),
  );
  return versions.flatMap((version) => (version === null ? [] : [version.source]));
}

function nullIfErased(error: unknown): null {
  if (error instanceof ApplicationError && error.code === 'NOT_FOUND') return null;
  throw error;
}

async function blobOf(
  { deps, row, records }: Reading,
  contents: ReadonlyMap<string, Uint8Array>,
  { record, ref }: Named,
): Promise<Uint8Array | null> {
  const kept = contents.get(ref.sha256);
  if (kept !== undefined) return kept;
  if (record.kind !== 'viewed' || ref.name !== 'view') return null;
  return viewAgain(deps, row, { viewed: record, records }).catch(nullIfErased);
}
