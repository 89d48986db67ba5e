/**
 * What an operator may set about subscriptions.
 */
import { limits } from '../../domain/limits.ts';
import { assert } from '../../lib/assert.ts';

export interface SubscriptionSettings {
  /** Subscriptions that may stand at once; beyond: OVERLOADED. */
  readonly maxSubscriptions: number;
  /** Instructions of all distinct regular expressions that subscriptions use at once; beyond: OVERLOADED. */
  readonly maxRegexInstructions: number;
  /** Appends that may wait for one consumer. More than are applied in one go, or quick consumers fall behind. */
  readonly queueAppends: number;
  /** Bytes that may wait for one consumer. */
  readonly queueBytes: number;
  /** Bytes of appends after which what still waits for any consumer is given up: bounds the memory of all together. */
  readonly windowBytes: number;
  /** A checkpoint is sent when so many positions were looked at since the last message. */
  readonly checkpointPositions: number;
  /** A checkpoint is sent when so much time went by, if the position moved since the last message. */
  readonly checkpointMillis: number;
  /** Positions between a catch-up and the live events from which on live events are kept meanwhile. */
  readonly attachWithin: number;
  readonly maxBatchBytes: number;
  /** How long a subscription from the end waits for what was acknowledged before it; then DEADLINE_EXCEEDED. */
  readonly endWaitMillis: number;
}

const MiB = 1024 * 1024;

export const defaultSubscriptionSettings: SubscriptionSettings = {
  maxSubscriptions: 10_000,
  maxRegexInstructions: 10_000,
  queueAppends: 8192,
  queueBytes: 8 * MiB,
  windowBytes: 128 * MiB,
  checkpointPositions: 65_536,
  checkpointMillis: 10_000,
  attachWithin: 4096,
  maxBatchBytes: limits.responseBytes,
  endWaitMillis: 10_000,
};

/** The defaults with some replaced. All are at least 1. */
export function subscriptionSettings(some: Partial<SubscriptionSettings>): SubscriptionSettings {
  const settings = { ...defaultSubscriptionSettings, ...some };
  for (const [name, value] of Object.entries(settings)) {
    assert(
      Number.isSafeInteger(value) && value >= 1,
      `subscription setting ${name} must be at least 1, but is ${value}`,
    );
  }
  return settings;
}
