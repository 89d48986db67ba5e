/**
 * What both sides of the peer protocol know: its version, its bounds, and whether two processes belong together.
 */
import type { ChannelOptions } from '@grpc/grpc-js';
import type { Introduction } from '../../cluster/member.ts';
import { StoreError } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Hello } from '../gen/graveyar/raft/v1/peer.ts';

/** Raised when members of both versions could not understand each other. */
export const PROTOCOL_VERSION = 1;

const MiB = 1024 * 1024;

/** A message may hold one entry with a group that was filled before its last, largest append came in. */
export const MAX_MESSAGE_BYTES = 3 * limits.requestBytes;

/** Messages are put together up to this; a larger one goes alone. */
export const BATCH_BYTES = 1 * MiB;

/** Bytes of a snapshot that were sent and not yet confirmed. */
export const SNAPSHOT_WINDOW_BYTES = 8 * MiB;

/** How long it may take until somebody takes the connection. */
export const REACH_MILLIS = 1_000;

/** How long a greeting may take, after which the connection is tried anew. */
export const HELLO_MILLIS = 3_000;

/** A transfer without any progress for so long is given up. */
export const SNAPSHOT_STALL_MILLIS = 15_000;

/** A host that vanished is noticed after both; what was cut for as long is connected anew, which the system's repeats would not be. */
const keepaliveMillis = 1_000;
const keepaliveTimeoutMillis = 2_000;

/** For both sides of every connection between members. */
export const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc-node.flow_control_window': 8 * MiB,
  'grpc.keepalive_time_ms': keepaliveMillis,
  'grpc.keepalive_timeout_ms': keepaliveTimeoutMillis,
  // Members are each other's neighbours, whatever the environment says of the way to the world.
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
};

/** Why a greeting is refused, as a typed error; null when the two belong together. `self` is who got it. */
export function refusalOf(hello: Hello, self: Introduction): StoreError | null {
  const { protocolVersion, clusterId, from, to } = hello;
  if (protocolVersion !== PROTOCOL_VERSION) {
    return refused(
      `the caller speaks version ${protocolVersion} of the peer protocol, this member ${PROTOCOL_VERSION}`,
    );
  }
  if (to !== self.member.id) return refused(`the caller means member ${to}, and this is member ${self.member.id}`);
  if (from === self.member.id || from === 0) return refused(`the caller says it is member ${from}`);
  if (clusterId !== '' && self.clusterId !== null && clusterId !== self.clusterId) {
    return refused(`the caller belongs to cluster ${clusterId}, this member to ${self.clusterId}`);
  }
  return null;
}

function refused(reason: string): StoreError {
  return new StoreError('MEMBERSHIP_REFUSED', reason, { reason });
}
