/**
 * What the values of both charts have in common.
 */
import { z } from 'zod';
import { labelMap, textMap } from '../../../operator/api/kubernetes-fields.ts';

/** Names of Secrets as a pod spec has them. */
export const pullSecrets = z
  .array(z.object({ name: z.string().min(1).describe('Name of a Secret.') }))
  .describe('Secrets to fetch the image with.');

export const annotations = textMap;

export const labels = labelMap;

/** `networking/v1` NetworkPolicyPeer, not looked into: the API server does. */
export const networkPolicyPeers = z.array(z.looseObject({}));
