/**
 * What a failed call to the API server throws: a code for each thing that is handled apart. Knows nothing of HTTP libraries.
 */

/**
 * NOT_FOUND: no such object. ALREADY_EXISTS: one of that name is there. CONFLICT: a precondition (uid, resourceVersion) does not hold. GONE: the
 * resourceVersion or continue token is too old: list again. FORBIDDEN, UNAUTHORIZED: not allowed. INVALID: it breaks a rule of its schema.
 * UNAVAILABLE: no answer, overload or a failure of the server; a write may have taken effect. DEADLINE: likewise, no answer in time.
 */
export type ApiErrorCode =
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'CONFLICT'
  | 'GONE'
  | 'FORBIDDEN'
  | 'UNAUTHORIZED'
  | 'INVALID'
  | 'UNAVAILABLE'
  | 'DEADLINE';

/** `Status` of the API, as far as it is read here. */
export interface ApiStatus {
  readonly kind?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly field?: string }[] | null;
  };
}

/** A call to the API server failed. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  /** The server asks to wait this long; null: it does not say. */
  readonly retryAfterMillis: number | null;

  constructor(code: ApiErrorCode, message: string, retryAfterMillis: number | null = null, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryAfterMillis = retryAfterMillis;
  }

  /** The same call may succeed later without anybody changing anything. */
  get retryable(): boolean {
    return this.code === 'UNAVAILABLE' || this.code === 'DEADLINE';
  }
}

/** Whether it is an {@link ApiError} with one of these codes. */
export function isApiError(error: unknown, ...codes: readonly ApiErrorCode[]): error is ApiError {
  return error instanceof ApiError && codes.includes(error.code);
}

/** What an answer means that is no success. `what` names the call; `body` is what came with it, a Status or any text. */
export function errorFromAnswer(what: string, httpStatus: number, body: string, retryAfter?: string): ApiError {
  const status = parseStatus(body);
  const reason = status?.message ?? (body.trim() === '' ? 'no reason given' : body.trim().slice(0, 500));
  return errorFromStatus(what, { code: httpStatus, ...status, message: reason }, retryAfter);
}

/** What a Status means, which may also come as an event of a watch. */
export function errorFromStatus(what: string, status: ApiStatus, retryAfter?: string): ApiError {
  const { code = 500, reason = '', message = 'no reason given', details } = status;
  const seconds = details?.retryAfterSeconds ?? (/^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) : null);
  return new ApiError(
    isOtherObject(status) ? 'CONFLICT' : codeOf(code, reason),
    `${what}: ${message} (${code}${reason === '' ? '' : ` ${reason}`})`,
    seconds === null ? null : seconds * 1000,
  );
}

/** A patch that names a uid meets another object of that name: told as an attempt to change the uid, but it is a precondition. */
function isOtherObject({ code, details }: ApiStatus): boolean {
  return code === 422 && details?.causes?.some(({ field }) => field === 'metadata.uid') === true;
}

function codeOf(httpStatus: number, reason: string): ApiErrorCode {
  if (httpStatus === 409) return reason === 'AlreadyExists' ? 'ALREADY_EXISTS' : 'CONFLICT';
  if (httpStatus === 429 || httpStatus === 408) return 'UNAVAILABLE';
  const codes: Readonly<Record<number, ApiErrorCode>> = {
    401: 'UNAUTHORIZED',
    403: 'FORBIDDEN',
    404: 'NOT_FOUND',
    410: 'GONE',
  };
  return codes[httpStatus] ?? (httpStatus >= 500 ? 'UNAVAILABLE' : 'INVALID');
}

function parseStatus(body: string): ApiStatus | null {
  try {
    const status = JSON.parse(body) as ApiStatus | null;
    return status?.kind === 'Status' ? status : null;
  } catch {
    return null;
  }
}
