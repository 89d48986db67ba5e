/**
 * A load generator for unary gRPC calls, small enough not to be what is measured: it writes prepared HTTP/2 frames on a plain
 * socket and looks only at the frames that end a call. Speaks as much of RFC 9113 as that needs; does not decode headers.
 *
 * h2load could not be used for appends: it sends one body over and over, and an append that repeats its event ids is
 * answered without being written.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';

/** What to call. */
export interface PreparedCall {
  readonly path: string;
  /** The serialized request number n; the buffer may be reused by the next call. */
  readonly body: (n: number) => Uint8Array;
}

/** What a measurement came to. Latencies in milliseconds. */
export interface Load {
  readonly calls: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly meanMillis: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const FRAME = { data: 0, headers: 1, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const WINDOW = 0x3fff_ffff;
const LARGEST_STREAM = 0x7fff_0000;

/** Keeps `inFlight` calls going over so many connections for `millis`, after a warm-up that does not count. */
export async function measureCalls(
  address: string,
  call: PreparedCall,
  options: {
    readonly inFlight: number;
    readonly connections: number;
    readonly millis: number;
    readonly warmUpMillis: number;
  },
): Promise<Load> {
  const { inFlight, connections, millis, warmUpMillis } = options;
  const counter = { next: 0 };
  const each = Math.ceil(inFlight / connections);
  const all = await Promise.all(
    Array.from({ length: connections }, () => Connection.open(address, call, each, counter)),
  );
  await pause(warmUpMillis);
  const started = performance.now();
  for (const connection of all) connection.begin();
  await pause(millis);
  const seconds = (performance.now() - started) / 1000;
  const results = all.map((connection) => connection.finish());
  const latencies = Float64Array.from(results.flatMap((result) => result.latencies)).sort();
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  const mean = latencies.reduce((sum, value) => sum + value, 0) / Math.max(1, latencies.length);
  const at = (q: number): number => round(latencies[Math.floor(latencies.length * q)] ?? 0);
  const perSecond = Math.round(latencies.length / seconds);
  return {
    calls: latencies.length,
    failed,
    perSecond,
    meanMillis: round(mean),
    p50Millis: at(0.5),
    p99Millis: at(0.99),
  };
}

/** One connection with a fixed number of calls in flight. A call has succeeded when its answer had a message. */
class Connection {
  readonly #socket: Socket;
  readonly #call: PreparedCall;
  readonly #counter: { next: number };
  readonly #headers: Buffer;
  /** By stream: when it began; negative once its message has come. */
  readonly #started = new Map<number, { at: number; answered: boolean }>();
  #latencies: number[] = [];
  #failed = 0;
  #stream = 1;
  #window = 65_535;
  #waiting = 0;
  #received = 0;
  #rest: Buffer = Buffer.alloc(0);
  #error: Error | null = null;

  private constructor(socket: Socket, call: PreparedCall, headers: Buffer, counter: { next: number }) {
    this.#socket = socket;
    this.#call = call;
    this.#headers = headers;
    this.#counter = counter;
  }

  /** Connects, and begins so many calls, each followed by another when it ends. */
  static async open(
    address: string,
    call: PreparedCall,
    inFlight: number,
    counter: { next: number },
  ): Promise<Connection> {
    const [host = '', port = ''] = address.split(':');
    const socket = connect({ host, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    const connection = new Connection(socket, call, headerBlock(address, call.path), counter);
    socket.on('data', (chunk: Buffer) => connection.#read(chunk));
    socket.on('error', (error) => (connection.#error = error));
    const largeWindow = Buffer.alloc(6);
    largeWindow.writeUInt16BE(4, 0);
    largeWindow.writeUInt32BE(WINDOW, 2);
    socket.write(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0, largeWindow), windowUpdate(WINDOW - 65_535)]));
    connection.#send(inFlight);
    return connection;
  }

  /** Forgets what was measured so far. */
  begin(): void {
    this.#latencies = [];
    this.#failed = 0;
  }

  /** Ends the connection. Throws when it broke, or nothing succeeded. */
  finish(): { latencies: number[]; failed: number } {
    this.#socket.destroy();
    if (this.#error !== null) throw this.#error;
    return { latencies: this.#latencies, failed: this.#failed };
  }

  #send(count: number): void {
    if (this.#error !== null) return;
    const frames: Buffer[] = [];
    for (this.#waiting += count; this.#waiting > 0; this.#waiting--) {
      const body = this.#call.body(this.#counter.next);
      if (this.#window < body.length + 5) break;
      this.#counter.next++;
      this.#window -= body.length + 5;
      const stream = this.#stream;
      this.#stream += 2;
      if (stream > LARGEST_STREAM) throw new Error('a connection has no stream ids left');
      this.#started.set(stream, { at: performance.now(), answered: false });
      frames.push(callFrames(this.#headers, stream, body));
    }
    if (frames.length > 0) this.#socket.write(Buffer.concat(frames));
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    let ended = 0;
    while (bytes.length - at >= 9) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes.length - at < 9 + length) break;
      ended += this.#frame(bytes.subarray(at, at + 9 + length));
      at += 9 + length;
    }
    this.#rest = bytes.subarray(at);
    if (ended > 0 || this.#waiting > 0) this.#send(ended);
  }

  /** 1 when it ended a call. */
  #frame(bytes: Buffer): number {
    const type = bytes[3] ?? 0;
    const flags = bytes[4] ?? 0;
    const stream = bytes.readUInt32BE(5) & 0x7fff_ffff;
    if (type === FRAME.windowUpdate && stream === 0) this.#window += bytes.readUInt32BE(9) & 0x7fff_ffff;
    else if (type === FRAME.settings && (flags & ACK) === 0) this.#socket.write(frame(FRAME.settings, ACK, 0));
    else if (type === FRAME.ping && (flags & ACK) === 0)
      this.#socket.write(frame(FRAME.ping, ACK, 0, bytes.subarray(9)));
    else if (type === FRAME.goaway) this.#error = new Error('the server ended the connection');
    const call = this.#started.get(stream);
    if (call === undefined) return 0;
    if (type === FRAME.data) this.#takeData(bytes.length - 9, call);
    const reset = type === 3;
    if (!reset && ((type !== FRAME.data && type !== FRAME.headers) || (flags & END_STREAM) === 0)) return 0;
    this.#started.delete(stream);
    if (call.answered) this.#latencies.push(performance.now() - call.at);
    else this.#failed++;
    return 1;
  }

  #takeData(length: number, call: { answered: boolean }): void {
    call.answered = true;
    this.#received += length;
    if (this.#received < WINDOW / 2) return;
    this.#socket.write(windowUpdate(this.#received));
    this.#received = 0;
  }
}

/** HPACK, RFC 7541: static names, literal values, nothing added to the table, so that the same bytes fit every request. */
function headerBlock(address: string, path: string): Buffer {
  const literal = (index: number, value: string): Buffer => Buffer.concat([Buffer.from([index]), text(value)]);
  const named = (name: string, value: string): Buffer => Buffer.concat([Buffer.from([0]), text(name), text(value)]);
  return Buffer.concat([
    Buffer.from([0x83, 0x86]),
    literal(4, path),
    literal(1, address),
    named('te', 'trailers'),
    named('content-type', 'application/grpc'),
  ]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length > 126) throw new Error('a header is too long for this');
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function callFrames(headers: Buffer, stream: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(9 + headers.length + 9 + 5 + body.length);
  let at = writeHead(bytes, 0, headers.length, FRAME.headers, END_HEADERS, stream);
  at += headers.copy(bytes, at);
  at = writeHead(bytes, at, body.length + 5, FRAME.data, END_STREAM, stream);
  bytes[at] = 0;
  bytes.writeUInt32BE(body.length, at + 1);
  bytes.set(body, at + 5);
  return bytes;
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.allocUnsafe(9 + payload.length);
  bytes.set(payload, writeHead(bytes, 0, payload.length, type, flags, stream));
  return bytes;
}

function windowUpdate(increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment, 0);
  return frame(FRAME.windowUpdate, 0, 0, payload);
}

function writeHead(bytes: Buffer, at: number, length: number, type: number, flags: number, stream: number): number {
  bytes.writeUIntBE(length, at, 3);
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes.writeUInt32BE(stream, at + 5);
  return at + 9;
}

function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
