import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { constants, gunzipSync } from 'node:zlib';
import { track } from '../support/no-leaks.ts';

// Stands between the product's processes and their servers, so that a test can stop one act of one process
// at one message of PostgreSQL's protocol, and know that it stands there. The product knows nothing of it.

/** One message from a client: its type, and the statement that it prepares, binds or runs. */
interface Message {
  readonly type: string;
  readonly statement: string;
  readonly bytes: Buffer;
}

/** Where an act is stopped. */
export interface Point {
  /** Which message of the act's connection. */
  readonly at: (message: Pick<Message, 'type' | 'statement'>) => boolean;
  /** Keep the message from the server, or the server's answer to it from the client. */
  readonly keep: 'question' | 'answer';
  /** What the server must have said before the place is reached, such as `COMMIT\0`. */
  readonly said?: string;
}

/** One act, stopped at one point. */
export interface Hold {
  /** Resolves when the act stands there. */
  readonly reached: Promise<void>;
  readonly isReached: () => boolean;
  /** Whether the connection that stands there broke before it was let go. */
  readonly isLost: () => boolean;
  /** Lets it go on, if it still can; before it is there, it is not stopped at all. */
  release(): void;
}

interface Armed extends Hold {
  readonly token: string;
  readonly point: Point;
  stop(connection: Connection): void;
  arrive(): void;
  lose(): void;
}

/** What the connections of several processes are stopped at. */
export interface Holds {
  readonly armed: Set<Armed>;
  /** Requests by their commands' ids. */
  readonly requestOf: Map<string, string>;
  /** @param token what a statement of the act carries, such as the id of its request. */
  hold(token: string, point: Point): Hold;
}

export function createHolds(): Holds {
  const armed = new Set<Armed>();
  return {
    armed,
    requestOf: new Map(),
    hold(token, point) {
      const one = createHold(token, point, armed);
      armed.add(one);
      return one;
    },
  };
}

function createHold(token: string, point: Point, armed: Set<Armed>): Armed {
  const { promise, resolve } = Promise.withResolvers<void>();
  let [isReached, isLost, stopped] = [false, false, null as Connection | null];
  return {
    ...{ token, point, reached: promise },
    isReached: () => isReached,
    isLost: () => isLost,
    stop(connection) {
      armed.delete(this);
      stopped = connection;
    },
    arrive() {
      isReached = true;
      resolve();
    },
    lose() {
      if (stopped !== null) isLost = true;
      resolve();
    },
    release() {
      armed.delete(this);
      const connection = stopped;
      stopped = null;
      connection?.goOn();
    },
  };
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** One connection of a client to PostgreSQL. */
class Connection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #holds: Holds;
  readonly #statements = new Map<string, string>();
  #unread = Buffer.alloc(0);
  #isOpened = false;
  /** What the running transaction is about. */
  #about = '';
  #held: Armed | null = null;
  #questions: Buffer[] = [];
  #answers: Buffer[] = [];
  /** What the server has said since the last statement. */
  #heard = '';

  constructor(client: Socket, server: Socket, holds: Holds) {
    [this.#client, this.#server, this.#holds] = [client, server, holds];
    client.on('data', (bytes) => this.#ask(bytes));
    server.on('data', (bytes) => this.#answer(bytes));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => {
        other.destroy();
        this.#held?.lose();
      });
    }
  }

  goOn(): void {
    this.#held = null;
    for (const bytes of this.#questions.splice(0)) this.#forward(bytes);
    if (this.#held === null) for (const bytes of this.#answers.splice(0)) this.#client.write(bytes);
  }

  #ask(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (;;) {
      const head = this.#isOpened ? 1 : 0; // the first message has no type
      if (this.#unread.length < head + 4) return;
      const length = head + this.#unread.readInt32BE(head);
      if (this.#unread.length < length) return;
      const message = this.#unread.subarray(0, length);
      this.#unread = this.#unread.subarray(length);
      this.#forward(message);
    }
  }

  #forward(bytes: Buffer): void {
    if (this.#isKept('question')) return void this.#questions.push(bytes);
    if (!this.#isOpened) this.#isOpened = true;
    else {
      const message = this.#read(bytes);
      const hold = this.#holdAt(message);
      if (message.type === 'B') this.#heard = '';
      if (message.statement === 'COMMIT' || message.statement === 'ROLLBACK') this.#about = '';
      if (hold !== null) this.#stopAt(hold, bytes);
      if (this.#isKept('question')) return;
    }
    this.#server.write(bytes);
  }

  #stopAt(hold: Armed, bytes: Buffer): void {
    this.#held = hold;
    hold.stop(this);
    if (hold.point.keep === 'question') this.#questions.push(bytes);
    this.#hear();
  }

  /** Whether the server has said what must be said before the place is reached. */
  #hear(): void {
    if (this.#heard.includes(this.#held?.point.said ?? '')) this.#held?.arrive();
  }

  #isKept(what: Point['keep']): boolean {
    return this.#held?.point.keep === what;
  }

  #read(bytes: Buffer): Message {
    const type = String.fromCharCode(bytes[0] ?? 0);
    const [first = '', second = ''] = 'PBQ'.includes(type)
      ? bytes.subarray(5).toString('latin1').split('\0', 2)
      : [];
    if (type === 'P') this.#statements.set(first, second);
    const known = type === 'B' ? (this.#statements.get(second) ?? '') : second;
    return { type, statement: type === 'Q' ? first : known, bytes };
  }

  #holdAt(message: Message): Armed | null {
    if (message.type !== 'B' && message.type !== 'Q') return null;
    if (message.statement === 'BEGIN') this.#about = ' ';
    const values = this.#valuesIn(message);
    if (this.#about !== '') this.#about += values;
    for (const hold of this.#holds.armed) {
      const isAbout = values.includes(hold.token) || this.#about.includes(hold.token);
      if (isAbout && hold.point.at(message)) return hold;
    }
    return null;
  }

  /** What a statement carries; where it names a command, the command's request too. */
  #valuesIn({ statement, bytes }: Message): string {
    const values = bytes.toString('latin1');
    const [command = '', request = ''] = values.match(UUID) ?? [];
    if (statement.includes('INSERT INTO command')) this.#holds.requestOf.set(command, request);
    return `${values} ${this.#holds.requestOf.get(command) ?? ''}`;
  }

  #answer(bytes: Buffer): void {
    if (this.#heard.length < MOST_HEARD) this.#heard += bytes.toString('latin1');
    this.#hear();
    if (this.#isKept('answer')) this.#answers.push(bytes);
    else this.#client.write(bytes);
  }
}

/** Characters of an answer that are looked at: what counts is how its command ended. */
const MOST_HEARD = 100_000;

export interface Proxy {
  readonly port: number;
  /** Ends every connection at once, whatever is on its way. */
  cut(): void;
  close(): Promise<void>;
}

/** A door to PostgreSQL at `port`. */
export async function postgresProxy(port: () => number, holds: Holds): Promise<Proxy> {
  return door(port, (client, server) => void new Connection(client, server, holds));
}

const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);

export interface TemporalProxy extends Proxy {
  /** From now on nothing that the clients say arrives. */
  freeze(): void;
  /** What they have said since. */
  kept(): string;
  thaw(): void;
}

/** A door to Temporal at `port`. */
export async function temporalProxy(port: () => number): Promise<TemporalProxy> {
  let isFrozen = false;
  let kept: { readonly bytes: Buffer; readonly server: Socket }[] = [];
  const proxy = await door(port, (client, server) => {
    client.on('data', (bytes) => {
      if (isFrozen) kept.push({ bytes, server });
      else server.write(bytes);
    });
    server.on('data', (bytes) => client.write(bytes));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
    }
  });
  return {
    ...proxy,
    freeze: () => void (isFrozen = true),
    kept: () => textIn(Buffer.concat(kept.map(({ bytes }) => bytes))),
    thaw() {
      isFrozen = false;
      for (const { bytes, server } of kept.splice(0)) if (!server.destroyed) server.write(bytes);
      kept = [];
    },
  };
}

/** What was said, whether compressed or not: messages are small enough to lie in one frame each. */
function textIn(bytes: Buffer): string {
  const texts = [bytes.toString('latin1')];
  for (let at = bytes.indexOf(GZIP); at >= 0; at = bytes.indexOf(GZIP, at + 1))
    try {
      const from = bytes.subarray(at);
      texts.push(gunzipSync(from, { finishFlush: constants.Z_SYNC_FLUSH }).toString('latin1'));
    } catch {
      texts.push(''); // it is followed by another frame, or was none
    }
  return texts.join('');
}

async function door(
  port: () => number,
  onConnection: (client: Socket, server: Socket) => void,
): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const listener = createServer((client) => {
    const server = connect({ host: '127.0.0.1', port: port() });
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
    onConnection(client, server);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    port: (listener.address() as AddressInfo).port,
    cut,
    close: track('a proxy', async () => {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      cut();
      await closed;
    }),
  };
}
