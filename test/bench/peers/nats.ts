/**
 * Three NATS servers with a JetStream stream of three replicas, which sync every message (`sync_interval: always`); and a load of
 * publishes, each of which waits for its acknowledgement. Speaks as much of the NATS client protocol as that needs.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { buildPrograms } from '../../support/kubernetes/go-programs.ts';
import type { GoModule } from '../../support/kubernetes/go-programs.ts';
import { freePorts } from '../../support/free-ports.ts';
import { listening, PeerProcess } from './peer-process.ts';

/** Built once, as Debian's version knows no `sync_interval: always`. */
export const NATS: GoModule = {
  name: 'nats',
  version: '2.12.6',
  packages: 'tool',
  programs: ['nats-server'],
  ldflags: '-s -w',
};

const STREAM = 'BENCH';
const REPLICAS = 3;
const SUBJECTS = 1000;
const READY_MILLIS = 30_000;
const PAYLOAD = 'x'.repeat(256);

export interface RunningNats {
  /** Of the server that leads the stream, `host:port`. */
  readonly address: string;
  readonly version: string;
  readonly end: () => Promise<void>;
}

/** Starts the servers, whose data lies under the directory, and makes the stream. */
export async function startNats(directory: string): Promise<RunningNats> {
  const program = join(await buildPrograms(NATS), 'nats-server');
  const ports = await freePorts(2 * REPLICAS);
  const [clients, routes] = [ports.slice(0, REPLICAS), ports.slice(REPLICAS)];
  const processes = clients.map((port, i) => {
    const name = `n${i}`;
    mkdirSync(join(directory, name), { recursive: true });
    const file = join(directory, `${name}.conf`);
    const known = routes.map((route) => `nats://127.0.0.1:${route}`).join(', ');
    writeFileSync(
      file,
      `server_name: ${name}\nlisten: 127.0.0.1:${port}\n` +
        `jetstream { store_dir: "${join(directory, name)}", sync_interval: always }\n` +
        `cluster { name: bench, listen: 127.0.0.1:${routes[i] ?? 0}, routes: [${known}] }\n`,
    );
    return new PeerProcess(program, ['-c', file], join(directory, `${name}.log`));
  });
  const end = async (): Promise<void> => {
    await Promise.all(processes.map((process) => process.end()));
  };
  try {
    await Promise.all(clients.map(listening));
    const [first = 0] = clients;
    const leader = await makeStream(`127.0.0.1:${first}`);
    return { address: `127.0.0.1:${clients[Number(leader.slice(1))] ?? first}`, version: `NATS ${NATS.version}`, end };
  } catch (error) {
    await end();
    throw error;
  }
}

interface StreamAnswer {
  readonly error?: { readonly description: string };
  readonly cluster?: { readonly leader?: string };
}

/** The name of the server that leads it. */
async function makeStream(address: string): Promise<string> {
  const settings = { name: STREAM, subjects: [`${STREAM}.*`], num_replicas: REPLICAS, storage: 'file' };
  const deadline = performance.now() + READY_MILLIS;
  let problem = 'no answer';
  while (performance.now() < deadline) {
    const connection = await NatsConnection.open(address);
    try {
      // Asking for the same stream again answers what there is.
      const text = await connection.request(`$JS.API.STREAM.CREATE.${STREAM}`, JSON.stringify(settings), 5_000);
      const { error, cluster } = JSON.parse(text) as StreamAnswer;
      if (error === undefined && cluster?.leader !== undefined) return cluster.leader;
      problem = error?.description ?? 'it has no leader';
    } catch (error) {
      problem = (error as Error).message;
    } finally {
      connection.close();
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`NATS made no stream: ${problem}`);
}

/** Keeps so many publishes waiting for their acknowledgements for `millis`, after a warm-up that does not count. */
export async function measurePublishes(
  address: string,
  {
    inFlight,
    millis,
    warmUpMillis,
  }: { readonly inFlight: number; readonly millis: number; readonly warmUpMillis: number },
): Promise<{ readonly perSecond: number; readonly meanMillis: number }> {
  const connection = await NatsConnection.open(address);
  let [next, done, waited, counting] = [0, 0, 0, false];
  const begin = (): void => {
    const started = performance.now();
    connection.send(`${STREAM}.${next++ % SUBJECTS}`, PAYLOAD, (answer) => {
      if (!answer.includes('"seq"')) throw new Error(`NATS refused a message: ${answer}`);
      if (counting) {
        done += 1;
        waited += performance.now() - started;
      }
      begin();
    });
  };
  for (let i = 0; i < inFlight; i++) begin();
  await new Promise((resolve) => setTimeout(resolve, warmUpMillis));
  counting = true;
  const started = performance.now();
  await new Promise((resolve) => setTimeout(resolve, millis));
  const seconds = (performance.now() - started) / 1000;
  connection.close();
  if (done === 0) throw new Error('NATS acknowledged nothing');
  return { perSecond: Math.round(done / seconds), meanMillis: Math.round((waited / done) * 1000) / 1000 };
}

/** A connection on which every message sent has an answer, told apart by the subject that it comes back on. */
class NatsConnection {
  readonly #socket: Socket;
  readonly #waiting = new Map<string, (answer: string) => void>();
  #next = 0;
  #rest = '';
  #frames: string[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text) => {
      this.#read(text.toString());
    });
    // Whoever waits for an answer notices.
    socket.on('error', () => undefined);
    this.#write('CONNECT {"verbose":false,"pedantic":false,"headers":false}\r\nSUB answer.* 1\r\n');
  }

  static async open(address: string): Promise<NatsConnection> {
    const [host = '', port = ''] = address.split(':');
    const socket = connect({ host, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new NatsConnection(socket);
  }

  send(subject: string, payload: string, answered: (answer: string) => void): void {
    const reply = `answer.${(this.#next++).toString(36)}`;
    this.#waiting.set(reply, answered);
    this.#write(`PUB ${subject} ${reply} ${payload.length}\r\n${payload}\r\n`);
  }

  request(subject: string, payload: string, millis: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer within ${millis} ms`)), millis);
      this.send(subject, payload, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }

  close(): void {
    this.#waiting.clear();
    this.#socket.destroy();
  }

  /** What is written in one turn goes out together. */
  #write(frame: string): void {
    this.#frames.push(frame);
    if (this.#frames.length > 1) return;
    queueMicrotask(() => {
      const frames = this.#frames.join('');
      this.#frames = [];
      if (!this.#socket.destroyed) this.#socket.write(frames, 'latin1');
    });
  }

  #read(chunk: string): void {
    const text = this.#rest + chunk;
    let at = 0;
    for (;;) {
      const lineEnd = text.indexOf('\r\n', at);
      if (lineEnd === -1) break;
      const [verb, subject = '', ...numbers] = text.slice(at, lineEnd).split(' ');
      let after = lineEnd + 2;
      if (verb === 'MSG') {
        const length = Number(numbers.at(-1));
        if (text.length < after + length + 2) break;
        this.#answer(subject, text.slice(after, after + length));
        after += length + 2;
      } else if (verb === 'PING') this.#write('PONG\r\n');
      else if (verb === '-ERR') throw new Error(`NATS: ${text.slice(at, lineEnd)}`);
      at = after;
    }
    this.#rest = text.slice(at);
  }

  #answer(subject: string, text: string): void {
    const answered = this.#waiting.get(subject);
    this.#waiting.delete(subject);
    answered?.(text);
  }
}
