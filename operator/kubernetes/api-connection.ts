/**
 * Requests to an API server: where it is, who we are, and that every request ends. The only file that knows `@kubernetes/client-node`, and
 * with it HTTP.
 *
 * Invariants: a request ends by its answer, its deadline or its signal, and a stream also when it was silent for too long; what is
 * left of its connection is then closed. Nothing is tried again here.
 *
 * The library makes a pool of connections for every request and never closes one; so one pool is kept here and used for all requests, until
 * a connection fails (certificates may have changed) or it is ten minutes old.
 */
import { createConfiguration, KubeConfig, RequestContext } from '@kubernetes/client-node';
import type { ResponseContext } from '@kubernetes/client-node';
import type { Clock } from '../../src/lib/clock.ts';
import { withDeadline } from '../../src/lib/deadline.ts';
import { ApiError, errorFromAnswer } from './api-error.ts';
import { readLines } from './line-reader.ts';

/** A request. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Of the body; `application/json` by default. */
  readonly contentType?: string;
}

/** How long a request may take. */
export interface RequestLimits {
  readonly signal: AbortSignal;
  readonly deadlineMillis: number;
}

/** How long a stream may be silent, its beginning included. */
export interface StreamLimits {
  readonly signal: AbortSignal;
  readonly inactivityMillis: number;
}

type Dispatcher = NonNullable<ReturnType<RequestContext['getDispatcher']>>;

const POOL_MILLIS = 10 * 60_000;
const transport = createConfiguration().httpApi;

/** Where the configuration comes from: a kubeconfig file, or (null) the pod's service account, `KUBECONFIG` or `~/.kube/config`. */
export function loadKubeConfig(path: string | null): KubeConfig {
  const config = new KubeConfig();
  if (path !== null) config.loadFromFile(path);
  else if ((process.env['KUBERNETES_SERVICE_HOST'] ?? '') !== '') config.loadFromCluster();
  else config.loadFromDefault();
  if (config.getCurrentCluster() === null) throw new Error(`no current cluster in ${path ?? 'the kubeconfig'}`);
  return config;
}

/** The namespace that the configuration names, such as that of the pod; null: none. */
export function namespaceOf(config: KubeConfig): string | null {
  return config.getContextObject(config.getCurrentContext())?.namespace ?? null;
}

/** Makes requests. Safe for any number at a time. */
export class ApiConnection {
  readonly #config: KubeConfig;
  readonly #clock: Clock;
  readonly #userAgent: string;
  #pool: { readonly dispatcher: Dispatcher; readonly since: number } | null = null;
  #closed = false;

  constructor(config: KubeConfig, clock: Clock, userAgent: string) {
    this.#config = config;
    this.#clock = clock;
    this.#userAgent = userAgent;
  }

  /** The answer as JSON. Rejects with {@link ApiError}, or with the signal's reason. */
  request(request: ApiRequest, { signal, deadlineMillis }: RequestLimits): Promise<unknown> {
    const what = describe(request);
    const expired = (): Error => new ApiError('DEADLINE', `${what}: no answer within ${deadlineMillis} ms`);
    // A fast server could answer before the timer that is due at once.
    if (deadlineMillis <= 0) return Promise.reject(expired());
    return withDeadline(this.#clock, deadlineMillis, signal, expired, async (ended) => {
      const response = await this.#send(request, ended);
      const text = await this.#reading(what, ended, () => response.body.text());
      if (!isSuccess(response)) throw failureOf(what, response, text);
      return parse(what, text);
    });
  }

  /**
   * The values of an endless answer, a line of JSON each, as they come. Rejects like {@link request}; with DEADLINE when nothing came for
   * `inactivityMillis`. Ends when the server ends it. Ending the iteration closes the connection.
   */
  async *stream(
    request: ApiRequest,
    { signal, inactivityMillis }: StreamLimits,
  ): AsyncGenerator<unknown, void, undefined> {
    const what = describe(request);
    const ended = new AbortController();
    const abort = (): void => {
      ended.abort(signal.reason);
    };
    signal.throwIfAborted();
    signal.addEventListener('abort', abort, { once: true });
    const silent = (): void => {
      ended.abort(new ApiError('DEADLINE', `${what}: nothing came for ${inactivityMillis} ms`));
    };
    let cancel = this.#clock.setTimer(inactivityMillis, silent);
    try {
      const response = await this.#send(request, ended.signal);
      if (!isSuccess(response)) {
        const text = await this.#reading(what, ended.signal, () => response.body.text());
        throw failureOf(what, response, text);
      }
      const lines = readLines(response.body.stream());
      for (;;) {
        const next = await this.#reading(what, ended.signal, () => lines.next());
        if (next.done === true) return;
        // While whoever asked is at work, silence is theirs.
        cancel();
        if (next.value.length > 0) yield parse(what, next.value);
        cancel = this.#clock.setTimer(inactivityMillis, silent);
      }
    } finally {
      cancel();
      signal.removeEventListener('abort', abort);
      ended.abort(new Error('the stream was closed'));
    }
  }

  /** Closes all connections; requests under way fail. */
  close(): void {
    this.#closed = true;
    const pool = this.#pool;
    this.#pool = null;
    void pool?.dispatcher.destroy();
  }

  async #send(request: ApiRequest, signal: AbortSignal): Promise<ResponseContext> {
    const what = describe(request);
    const context = this.#context(request);
    context.setSignal(signal);
    try {
      await this.#config.applySecurityAuthentication(context);
    } catch (error) {
      throw new ApiError('UNAUTHORIZED', `${what}: no credentials: ${messageOf(error)}`, null, { cause: error });
    }
    signal.throwIfAborted();
    const dispatcher = this.#pooled(context.getDispatcher());
    if (dispatcher !== undefined) context.setDispatcher(dispatcher);
    try {
      return await transport.send(context).toPromise();
    } catch (error) {
      signal.throwIfAborted();
      if (this.#pool?.dispatcher === dispatcher) this.#retirePool();
      throw new ApiError('UNAVAILABLE', `${what}: ${messageOf(error)}`, null, { cause: error });
    }
  }

  #context({ method, path, query = {}, body, contentType = 'application/json' }: ApiRequest): RequestContext {
    const server = (this.#config.getCurrentCluster()?.server ?? '').replace(/\/+$/, '');
    const context = new RequestContext(server + path, method);
    for (const [name, value] of Object.entries(query)) context.setQueryParam(name, value);
    context.setHeaderParam('Accept', 'application/json');
    context.setHeaderParam('User-Agent', this.#userAgent);
    if (body !== undefined) {
      context.setHeaderParam('Content-Type', contentType);
      context.setBody(JSON.stringify(body));
    }
    return context;
  }

  /** The pool to use, given one that was made for a single request and has not been used. */
  #pooled(made: Dispatcher | undefined): Dispatcher | undefined {
    if (made === undefined || this.#closed) return made;
    const now = this.#clock.monotonicMillis();
    if (this.#pool !== null && now - this.#pool.since > POOL_MILLIS) this.#retirePool();
    this.#pool ??= { dispatcher: made, since: now };
    return this.#pool.dispatcher;
  }

  /** What goes on in it goes on to its end. */
  #retirePool(): void {
    const pool = this.#pool;
    this.#pool = null;
    void pool?.dispatcher.close();
  }

  async #reading<T>(what: string, signal: AbortSignal, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      signal.throwIfAborted();
      throw new ApiError('UNAVAILABLE', `${what}: the answer broke off: ${messageOf(error)}`, null, { cause: error });
    }
  }
}

function describe({ method, path }: ApiRequest): string {
  return `${method} ${path}`;
}

function isSuccess({ httpStatusCode }: ResponseContext): boolean {
  return httpStatusCode >= 200 && httpStatusCode < 300;
}

function failureOf(what: string, response: ResponseContext, text: string): ApiError {
  return errorFromAnswer(what, response.httpStatusCode, text, response.headers['retry-after']);
}

function parse(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError('UNAVAILABLE', `${what}: the answer is no JSON: ${messageOf(error)}`, null, { cause: error });
  }
}

/** The words of an error and of what caused it: fetch itself only says that it failed. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}
