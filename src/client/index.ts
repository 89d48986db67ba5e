/**
 * The SDK: what `import … from 'graveyar_db'` gives. Only re-exports.
 */
export { GraveyarClient } from './graveyar-client.ts';
export type {
  AppendOptions,
  ListStreamsOptions,
  StreamPage,
  TransactionOptions,
  TransactionPart,
} from './graveyar-client.ts';
export type { AddLearnerOptions, ClusterClient, ClusterMember, ClusterState } from './cluster-client.ts';
export type { CallOptions, ClientOptions, ClientTls } from './client-options.ts';
export type { Expected, JsonValue, NewEvent } from './new-event.ts';
export type { RecordedEvent } from './recorded-event.ts';
export type { EventStream } from './event-stream.ts';
export type { ReadLimits } from './read-limits.ts';
export type { Consistency, ReadAllOptions, ReadOptions, ReadStreamOptions, ReadTime } from './read-requests.ts';
export type { AppendSession, SessionAppendOptions, SessionOptions } from './append-session.ts';
export type { SubscribeOptions, Subscription } from './subscription.ts';
export type { SubscriptionMessage, SubscriptionTarget } from './subscription-requests.ts';
export {
  AppendConditionFailedError,
  DeadlineExceededError,
  EventIdConflictError,
  GraveyarError,
  InvalidArgumentError,
  NotLeaderError,
  OverloadedError,
  StreamNotFoundError,
  UnavailableError,
  WrongExpectedVersionError,
} from './errors.ts';
export type { AppendResult } from '../domain/append.ts';
export type { Filter } from '../domain/filter.ts';
export type { Query, QueryItem } from '../domain/query.ts';
export { limits } from '../domain/limits.ts';
