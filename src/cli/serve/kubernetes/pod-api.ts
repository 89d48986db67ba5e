/**
 * The little of the Kubernetes API that a member uses: reading pods of its namespace and changing their labels and annotations. Every
 * call has a deadline, a connection of its own (they are rare) and a bound on what it takes in. Must not know what labels mean.
 */
import { request } from 'node:https';
import type { RequestOptions } from 'node:https';
import { z } from 'zod';
import type { Clock } from '../../../lib/clock.ts';
import { withDeadline } from '../../../lib/deadline.ts';
import type { ApiServerAddress } from './service-account.ts';
import { readCredentials } from './service-account.ts';

const WORDS = z.record(z.string(), z.string()).default({});
const POD = z.object({
  metadata: z.object({ name: z.string(), resourceVersion: z.string(), labels: WORDS, annotations: WORDS }),
});
const PODS = z.object({ items: z.array(POD).nullable() });

/** What matters of a pod. */
export interface Pod {
  readonly name: string;
  /** Changes with every change of the pod. */
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** New values; null takes one away. */
export interface PodChange {
  readonly labels: Readonly<Record<string, string | null>>;
  readonly annotations: Readonly<Record<string, string | null>>;
}

/** The API server answered, and not with success. */
export class PodApiError extends Error {
  override readonly name = 'PodApiError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface PodApiOptions {
  readonly server: ApiServerAddress;
  /** See service-account.ts. */
  readonly credentialsDirectory: string;
  readonly clock: Clock;
}

/** How long a call may take. */
const CALL_MILLIS = 2_000;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const MERGE_PATCH = 'application/merge-patch+json';

/** The pods of the namespace that this process runs in. Rejects with PodApiError, or with the error of the connection. */
export class PodApi {
  readonly #options: PodApiOptions;

  constructor(options: PodApiOptions) {
    this.#options = options;
  }

  async get(name: string, signal: AbortSignal): Promise<Pod> {
    return podOf(POD.parse(await this.#call('GET', `/${encodeURIComponent(name)}`, null, signal)));
  }

  /** Those with these labels, up to 100. */
  async list(labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<readonly Pod[]> {
    const selector = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    const query = new URLSearchParams({ labelSelector: selector.join(','), limit: '100' });
    return (PODS.parse(await this.#call('GET', `?${query.toString()}`, null, signal)).items ?? []).map(podOf);
  }

  /** With `resourceVersion`, only when the pod is still that one; else 409. */
  async change(name: string, change: PodChange, signal: AbortSignal, resourceVersion?: string): Promise<void> {
    const metadata = { ...change, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    await this.#call('PATCH', `/${encodeURIComponent(name)}`, JSON.stringify({ metadata }), signal);
  }

  #call(method: string, path: string, body: string | null, signal: AbortSignal): Promise<unknown> {
    const { server, clock, credentialsDirectory } = this.#options;
    const late = (): Error => new Error(`no answer of the API server within ${CALL_MILLIS} ms`);
    return withDeadline(clock, CALL_MILLIS, signal, late, async (own) => {
      const { namespace, token, authority } = await readCredentials(credentialsDirectory);
      const headers = {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body === null ? {} : { 'content-type': MERGE_PATCH, 'content-length': Buffer.byteLength(body) }),
      };
      const fullPath = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods${path}`;
      return await exchange(
        { ...server, path: fullPath, method, headers, ca: authority, agent: false, signal: own },
        body,
      );
    });
  }
}

function exchange(options: RequestOptions, body: string | null): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request(options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) call.destroy(new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        const status = response.statusCode ?? 0;
        if (status < 200 || status >= 300) reject(new PodApiError(status, messageOf(text, status)));
        else resolve(parsed(text));
      });
    });
    call.once('error', reject);
    call.end(body ?? undefined);
  });
}

function podOf({ metadata }: z.infer<typeof POD>): Pod {
  return metadata;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What the API server says about a failure. */
function messageOf(text: string, status: number): string {
  const { data } = z.object({ message: z.string() }).safeParse(parsed(text));
  return `the API server answered ${status}: ${data?.message ?? text.slice(0, 200)}`;
}
