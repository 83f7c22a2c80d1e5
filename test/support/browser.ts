import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { track } from './no-leaks.ts';

// A real browser, where one is installed. Nothing of the product needs it.

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The program; null where this machine has none. */
export const chromium: string | null = PLACES.find((path) => existsSync(path)) ?? null;

export interface Tab {
  /** Runs a script in the page. @returns what it gives, as JSON. */
  run<T>(script: string): Promise<T>;
  open(url: string): Promise<void>;
  /** @returns PNG of the whole page. */
  picture(size: { readonly width: number; readonly dark?: boolean }): Promise<Buffer>;
  /** What the page complained about: scripts that failed, what its own policy forbade. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

/** Opens one page without a window and without any network. */
export async function openTab(program: string): Promise<Tab> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-browser-'));
  const child = spawn(
    program,
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--proxy-server=127.0.0.1:9', // nobody listens there: whatever is not on the disk fails
      `--user-data-dir=${folder}`,
      '--remote-debugging-port=0',
      'about:blank',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const close = track('browser', async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const address = await debuggerOf(child.stderr);
  const targets = (await (await fetch(`http://${address.host}/json`)).json()) as {
    readonly type: string;
    readonly webSocketDebuggerUrl: string;
  }[];
  const page = targets.find(({ type }) => type === 'page');
  if (page === undefined) throw new Error('the browser has no page');
  const tab = await attach(page.webSocketDebuggerUrl);
  return { ...tab, close };
}

async function debuggerOf(stderr: NodeJS.ReadableStream): Promise<URL> {
  let said = '';
  for await (const chunk of stderr) {
    said += String(chunk);
    const match = /DevTools listening on (ws:\S+)/.exec(said);
    if (match?.[1] !== undefined) return new URL(match[1]);
  }
  throw new Error(`the browser did not start: ${said}`);
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** @source https://chromedevtools.github.io/devtools-protocol/ */
async function attach(url: string): Promise<Omit<Tab, 'close'>> {
  const socket = new WebSocket(url);
  const waiting = new Map<number, (message: Message) => void>();
  const events = new Map<string, () => void>();
  const complaints: string[] = [];
  let last = 0;
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    if (message.method === 'Runtime.exceptionThrown' || message.method === 'Log.entryAdded')
      complaints.push(JSON.stringify(message.params));
    if (message.method !== undefined) events.get(message.method)?.();
  });
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
  const send = async <T>(method: string, params: object = {}): Promise<T> => {
    const id = (last += 1);
    const answered = new Promise<Message>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await answered;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result as T;
  };
  for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`);
  return {
    complaints,
    async open(to) {
      const loaded = new Promise<void>((resolve) => events.set('Page.loadEventFired', resolve));
      await send('Page.navigate', { url: to });
      await loaded;
    },
    async run<T>(script: string): Promise<T> {
      const { result, exceptionDetails } = await send<{
        readonly result: { readonly value: T };
        readonly exceptionDetails?: object;
      }>('Runtime.evaluate', { expression: script, awaitPromise: true, returnByValue: true });
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return result.value;
    },
    async picture({ width, dark = false }) {
      const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
      await send('Emulation.setEmulatedMedia', { features });
      const metrics = { width, height: 900, deviceScaleFactor: 1, mobile: width < 600 };
      await send('Emulation.setDeviceMetricsOverride', metrics);
      const shot = { format: 'png', captureBeyondViewport: true };
      const { data } = await send<{ readonly data: string }>('Page.captureScreenshot', shot);
      return Buffer.from(data, 'base64');
    },
  };
}
