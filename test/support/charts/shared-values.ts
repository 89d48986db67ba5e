/**
 * What the values of both charts have in common.
 */
import { z } from 'zod';
import { labelMap, textMap } from '../../../operator/api/kubernetes-fields.ts';

/** Names of Secrets as a pod spec has them. */
const pullSecrets = z
  .array(z.object({ name: z.string().min(1).describe('Name of a Secret.') }))
  .describe('Secrets to fetch the image with.');

/** Which image, in the parts that charts name it by. */
export function image(repository: string, purpose: string) {
  return z
    .object({
      repository: z.string().min(1).describe(repository),
      tag: z.string().describe("Tag of the image. Empty: the chart's appVersion."),
      digest: z
        .string()
        .regex(/^(sha256:[0-9a-f]{64})?$/)
        .describe('Digest of the image, `sha256:…`; it wins over the tag.'),
      pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).describe('When a node fetches the image.'),
      pullSecrets,
    })
    .describe(purpose);
}

export const annotations = textMap;

export const labels = labelMap;

/** `networking/v1` NetworkPolicyPeer, not looked into: the API server does. */
export const networkPolicyPeers = z.array(z.looseObject({}));
