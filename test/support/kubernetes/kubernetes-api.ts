/**
 * The API server as the test machinery calls it: plain requests with a deadline, JSON in and out. Not the operator's client: what
 * the tests look with must not share the faults of what they look at.
 */
import { Agent, request } from 'node:https';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';

/** Any object of the API; what else it has, depends on its kind, which the one who asks for it knows. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
}

/** A change of an object of a collection. */
export interface Change {
  readonly type: string;
  readonly object: KubernetesObject;
}

/** An answer of the API server that is not a success. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string };
  }[];
  readonly users: readonly {
    readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string };
  }[];
}

const CALL_MILLIS = 15_000;
const MERGE_PATCH = 'application/merge-patch+json';

/** One user's view of one API server. */
export class KubernetesApi {
  readonly server: string;
  readonly #agent: Agent;

  constructor(server: string, credentials: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer }) {
    this.server = server;
    this.#agent = new Agent({ ...credentials, keepAlive: true, maxSockets: 8 });
  }

  /** From a file that {@link CertificateAuthority.kubeconfig} made. */
  static fromKubeconfig(path: string): KubernetesApi {
    const { clusters, users } = JSON.parse(readFileSync(path, 'utf8')) as Kubeconfig;
    const [cluster, user] = [clusters[0]?.cluster, users[0]?.user];
    if (cluster === undefined || user === undefined) throw new Error(`${path} is no kubeconfig of these tests`);
    const decode = (text: string): Buffer => Buffer.from(text, 'base64');
    return new KubernetesApi(cluster.server, {
      ca: decode(cluster['certificate-authority-data']),
      cert: decode(user['client-certificate-data']),
      key: decode(user['client-key-data']),
    });
  }

  /** Whether the path answers with success. */
  async healthy(path: string): Promise<boolean> {
    return (await this.#call('GET', path).catch(() => null))?.status === 200;
  }

  /** An object, or null when there is none. */
  async find(path: string): Promise<KubernetesObject | null> {
    const answer = await this.#call('GET', path);
    return answer.status === 404 ? null : (this.#parse('GET', path, answer) as KubernetesObject);
  }

  /** The objects of a collection. */
  async list(path: string): Promise<readonly KubernetesObject[]> {
    const list = this.#parse('GET', path, await this.#call('GET', path));
    return (list as { items: readonly KubernetesObject[] | null }).items ?? [];
  }

  /** The objects of a collection, and then each of its changes, until the signal. Throws when the API server ends it before. */
  async *watch(path: string, signal: AbortSignal): AsyncGenerator<Change> {
    const url = new URL(path, this.server);
    url.searchParams.set('watch', 'true');
    // Any state will do to begin with: to be sure of the latest, the API server would need a newer etcd, and gives up after three seconds.
    url.searchParams.set('resourceVersion', '0');
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request(url, { agent: this.#agent, signal }).once('response', resolve).once('error', reject).end();
      });
      if (response.statusCode !== 200) throw new ApiError(response.statusCode ?? 0, `watch ${path} was refused`);
      for await (const line of createInterface({ input: response })) {
        const change = JSON.parse(line) as Change;
        if (change.type === 'ERROR') throw new Error(`watch ${path}: ${line}`);
        yield change;
      }
      throw new Error(`the watch of ${path} ended`);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async create(path: string, object: object): Promise<KubernetesObject> {
    return this.#parse('POST', path, await this.#call('POST', path, object, 'application/json')) as KubernetesObject;
  }

  /** A merge patch. */
  async patch(path: string, change: object): Promise<KubernetesObject> {
    return this.#parse('PATCH', path, await this.#call('PATCH', path, change, MERGE_PATCH)) as KubernetesObject;
  }

  /** Deletes it; resolves when the API server has taken the wish, and when there is no such object. */
  async delete(path: string, options: object = {}): Promise<void> {
    const answer = await this.#call('DELETE', path, options, 'application/json');
    if (answer.status !== 404) this.#parse('DELETE', path, answer);
  }

  /** Ends its connections. */
  close(): void {
    this.#agent.destroy();
  }

  #parse(method: string, path: string, { status, body }: Answer): unknown {
    if (status >= 200 && status < 300) return JSON.parse(body);
    throw new ApiError(status, `${method} ${path} answered ${status}: ${body.slice(0, 1000)}`);
  }

  #call(method: string, path: string, body?: object, contentType?: string): Promise<Answer> {
    const url = new URL(path, this.server);
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      payload === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(payload) };
    return new Promise((resolve, reject) => {
      const call = request(url, { method, agent: this.#agent, headers, signal: AbortSignal.timeout(CALL_MILLIS) });
      call.once('error', reject);
      call.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
        );
      });
      call.end(payload);
    });
  }
}
