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

/** Labels that the charts set themselves. Given by a user as well, they would be there twice, and one of the values lost. */
const OWN_LABELS =
  '^(helm\\.sh/chart|app\\.kubernetes\\.io/(name|instance|version|managed-by)|graveyar\\.dev/component)$';

/** Labels besides the chart's own. Not by `propertyNames`, for which Helm names the wrong place. */
export const labels = labelMap.meta({ patternProperties: { [OWN_LABELS]: false } });

/** The name of a Secret; empty: none. */
export const secretName = z
  .string()
  .max(253)
  .regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$/);

/** A name that Services may begin with, of at most so many characters; empty: it is made up. */
export function serviceName(longest: number): z.ZodString {
  return z
    .string()
    .max(longest)
    .regex(/^([a-z]([-a-z0-9]*[a-z0-9])?)?$/);
}

/** `networking/v1` NetworkPolicyPeer, not looked into: the API server does. */
export const networkPolicyPeers = z.array(z.looseObject({}));
