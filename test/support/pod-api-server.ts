/**
 * A small HTTPS server that speaks as much of the pod API as members use, and fails on demand, for what a real API server cannot be made
 * to do. What the real one does is tested with the real one.
 */
import { createServer } from 'node:https';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testTls } from './test-certificate.ts';

interface StoredPod {
  resourceVersion: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** What becomes of a request: it is answered, refused with a status, or left without an answer. */
export type Mood = 'answers' | 'hangs' | number;

type Words = Readonly<Record<string, string | null>>;

export class PodApiServer {
  readonly pods = new Map<string, StoredPod>();
  /** `method token`, in order. */
  readonly calls: string[] = [];
  mood: Mood = 'answers';
  /** Called before each answer, to change things in between. */
  before: (method: string, name: string) => void = () => undefined;
  #token = 'first';
  readonly #server: Server;
  readonly #credentials: string;

  constructor(credentialsDirectory: string) {
    this.#credentials = credentialsDirectory;
    mkdirSync(credentialsDirectory, { recursive: true });
    writeFileSync(join(credentialsDirectory, 'namespace'), 'shop\n');
    writeFileSync(join(credentialsDirectory, 'ca.crt'), testTls.cert);
    this.rotateToken('first');
    this.#server = createServer(testTls, (request, response) => {
      this.#take(request, response).catch(() => response.destroy());
    });
  }

  /** Another token from now on; the one before is refused. */
  rotateToken(token: string): void {
    this.#token = token;
    writeFileSync(join(this.#credentials, 'token'), token);
  }

  put(name: string, labels: Record<string, string> = {}, annotations: Record<string, string> = {}): void {
    const resourceVersion = (this.pods.get(name)?.resourceVersion ?? 0) + 1;
    this.pods.set(name, { resourceVersion, labels, annotations });
  }

  /** The pods with the label of the leader. */
  leaders(): string[] {
    return [...this.pods].filter(([, { labels }]) => labels['graveyar.dev/role'] === 'leader').map(([name]) => name);
  }

  start(): Promise<{ readonly host: string; readonly port: string }> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => {
        resolve({ host: '127.0.0.1', port: String((this.#server.address() as AddressInfo).port) });
      });
    });
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const token = (request.headers.authorization ?? '').replace('Bearer ', '');
    const method = request.method ?? '';
    this.calls.push(`${method} ${token}`);
    if (this.mood === 'hangs') return;
    const url = new URL(request.url ?? '/', 'https://localhost');
    const [, name = ''] = /^\/api\/v1\/namespaces\/shop\/pods\/?(.*)$/.exec(url.pathname) ?? [];
    this.before(method, name);
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (typeof this.mood === 'number') answer(this.mood, { kind: 'Status', message: 'not today' });
    else if (token !== this.#token) answer(401, { kind: 'Status', message: 'Unauthorized' });
    else if (name === '') answer(200, { items: this.#list(url.searchParams.get('labelSelector') ?? '') });
    else if (method === 'GET') answer(this.pods.has(name) ? 200 : 404, this.#object(name));
    else this.#patch(name, JSON.parse(Buffer.concat(chunks).toString()) as { metadata: Words & PodPatch }, answer);
  }

  #list(selector: string): object[] {
    const wanted = selector.split(',').map((part) => part.split('='));
    const matches = ([, { labels }]: [string, StoredPod]): boolean =>
      wanted.every(([key = '', value]) => labels[key] === value);
    return [...this.pods].filter(matches).map(([name]) => this.#object(name));
  }

  #object(name: string): object {
    const pod = this.pods.get(name);
    if (pod === undefined) return { kind: 'Status', message: `pods "${name}" not found` };
    return { metadata: { ...pod, name, resourceVersion: String(pod.resourceVersion) } };
  }

  #patch(name: string, { metadata }: { metadata: PodPatch }, answer: (status: number, body: object) => void): void {
    const pod = this.pods.get(name);
    const { resourceVersion, labels = {}, annotations = {} } = metadata;
    if (pod === undefined) answer(404, this.#object(name));
    else if (resourceVersion !== undefined && resourceVersion !== String(pod.resourceVersion)) {
      answer(409, { kind: 'Status', message: 'the object has been modified' });
    } else {
      merge(pod.labels, labels);
      merge(pod.annotations, annotations);
      pod.resourceVersion += 1;
      answer(200, this.#object(name));
    }
  }
}

interface PodPatch {
  readonly resourceVersion?: string;
  readonly labels?: Words;
  readonly annotations?: Words;
}

function merge(target: Record<string, string>, change: Words): void {
  for (const [key, value] of Object.entries(change)) {
    if (value === null) Reflect.deleteProperty(target, key);
    else target[key] = value;
  }
}
