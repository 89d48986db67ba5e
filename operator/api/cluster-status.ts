/**
 * What the operator says of a cluster: `status` of a GraveyarCluster. The one source of its TypeScript type and its schema.
 *
 * Ids of members are text, as other readers of JSON would round large numbers.
 */
import { z } from 'zod';

/** What every cluster has a condition of. */
export const CONDITION_TYPES = ['Available', 'Progressing', 'Degraded'] as const;

const memberId = z.string().regex(/^[0-9]{1,16}$/);

const member = z.object({
  name: z.string().max(63).describe('Name of the member, and of its StatefulSet.'),
  id: memberId.describe('Random, made with its data directory: a member with an empty volume is another one.'),
  role: z
    .enum(['leader', 'voter', 'learner', 'waiting', 'unknown'])
    .describe('leader, voter, learner (no vote), waiting (to be added), or unknown.'),
  healthy: z
    .boolean()
    .describe(
      'It answers and follows the leader, which has heard of it within an election timeout, is not sending it a snapshot and is at most 1000 entries ahead; ' +
        'its pod is ready (that of a learner runs), and its volume is neither lost nor being deleted. `graveyar cluster status` looks at all but the pod ' +
        'and the volume.',
    ),
  matchIndex: z
    .int()
    .nonnegative()
    .meta({ format: 'int64' })
    .describe("The last entry of the log known to be on its disk; only with a leader's word.")
    .exactOptional(),
});

const condition = z.object({
  type: z.string().min(1).max(316).describe('Available, Progressing or Degraded.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it is so.'),
  reason: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
    .describe('Why, as one word for programs.'),
  message: z.string().max(32_768).describe('Why, for people.'),
  lastTransitionTime: z.string().meta({ format: 'date-time' }).describe('When the status last changed.'),
  observedGeneration: z
    .int()
    .nonnegative()
    .meta({ format: 'int64' })
    .describe('The generation of the GraveyarCluster that this is said of.')
    .exactOptional(),
});

/** `status`. */
export const clusterStatus = z
  .object({
    observedGeneration: z
      .int()
      .nonnegative()
      .meta({ format: 'int64' })
      .describe('The generation that the operator saw last.')
      .exactOptional(),
    clusterId: z
      .string()
      .max(63)
      .regex(/^[A-Za-z0-9-]+$/)
      .describe('Identity of the cluster. Written before the cluster is founded, and never changed.')
      .exactOptional(),
    founder: z
      .object({
        name: z.string().max(63).describe('Name of the member.'),
        id: memberId.describe('Id of the member.'),
      })
      .describe('The member that alone may found the cluster. Left out: the cluster was there before this object.')
      .exactOptional(),
    leader: z.string().max(63).describe('Name of the member that leads.').exactOptional(),
    replicas: z.int().nonnegative().meta({ format: 'int32' }).describe('Members with a vote.').exactOptional(),
    readyReplicas: z
      .int()
      .nonnegative()
      .meta({ format: 'int32' })
      .describe('Members with a vote whose pods are ready.')
      .exactOptional(),
    selector: z.string().max(253).describe("Labels of the cluster's pods, as text.").exactOptional(),
    members: z
      .array(member)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['id'] })
      .describe('The members, by id.')
      .exactOptional(),
    conditions: z
      .array(condition)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
      .describe('How the cluster is: Available, Progressing, Degraded.')
      .exactOptional(),
  })
  .describe('The cluster as the operator sees it.');

/** `status`; every field may be missing before the operator has seen the object. */
export type ClusterStatus = z.output<typeof clusterStatus>;

/** One of `status.members`. */
export type MemberStatus = z.output<typeof member>;

/** One of `status.conditions`. */
export type ClusterCondition = z.output<typeof condition>;
