import { fileURLToPath } from 'node:url';
import { build, stop, type Plugin } from 'esbuild';

let bundling: Promise<string> | null = null;

/** The verifier of `ledger/` as one script that needs nothing else. */
export function verifierScript(): Promise<string> {
  bundling ??= bundle().catch((error: unknown) => {
    bundling = null;
    throw error;
  });
  return bundling;
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../ledger/page.ts', import.meta.url))],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    globalName: 'Countersign',
    platform: 'browser',
    target: 'es2022',
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'silent',
    plugins: [oneLanguage],
  });
  await stop(); // its process would wait for more
  const script = outputFiles[0]?.text ?? '';
  // In a page, these letters would end the script wherever they stand.
  if (/<\/script|<!--/i.test(script)) throw new TypeError('the script cannot stand in a page');
  return script;
}

/** zod brings its messages in fifty languages; codes are what is shown here. */
const oneLanguage: Plugin = {
  name: 'one-language',
  setup(building) {
    building.onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]\w[\w-]*\.js$/ }, ({ path }) => {
      const isKept = /[\\/](?:en|index)\.js$/.test(path);
      return isKept ? null : { contents: 'export default () => ({});', loader: 'js' };
    });
  },
};
