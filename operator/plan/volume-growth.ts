/**
 * Volumes that grow with the spec, one member after the other: the claim asks for more, the storage class grows it (or refuses, which is
 * told by the step's failure, or later by its claim), and a StatefulSet whose claim template says less is made anew around its pod, as Kubernetes does
 * not let that template change; for as long its claim does not go with it (`retention.ts`). Volumes never shrink.
 */
import type { Concern } from './concern.ts';
import { doStep, wait } from './concern.ts';
import { isToBeRenewed } from './retention.ts';

const MEBIBYTE = 1024 * 1024;

export const growVolumes: Concern = ({ observed, view }) => {
  const wanted = observed.resource.storageBytes;
  const size = `${Math.round(wanted / MEBIBYTE)} MiB`;
  const members = [...view.voters, ...view.learners];
  for (const { name, place } of members) {
    const claim = place?.claim ?? null;
    const statefulSet = place?.statefulSet ?? null;
    if (claim === null || claim.deleting || claim.phase !== 'Bound' || statefulSet === null || statefulSet.deleting)
      continue;
    if (claim.requestedBytes >= wanted && claim.capacityBytes >= wanted && statefulSet.storageBytes >= wanted) continue;
    const ill = members.find(({ healthy }) => !healthy);
    if (ill !== undefined) return wait('GrowingVolumes', `${name} to ${size}, when ${ill.name} is healthy`);
    if (claim.requestedBytes < wanted) {
      const step = { kind: 'grow-claim', member: name, claimUid: claim.uid, bytes: wanted } as const;
      return doStep('GrowingVolumes', step, 'GrowingVolume', `growing the volume of ${name} to ${size}`);
    }
    if (place !== undefined && isToBeRenewed(place, observed.resource)) {
      if (claim.goesWithStatefulSet === true || statefulSet.whenDeleted === 'Delete') {
        return wait('GrowingVolumes', `${name} to ${size}, when its volume does not go with its StatefulSet any more`);
      }
      const step = { kind: 'orphan-stateful-set', member: name, statefulSetUid: statefulSet.uid } as const;
      const message = `making the StatefulSet of ${name} anew around its pod, with volumes of ${size}`;
      return doStep('GrowingVolumes', step, 'RecreatingStatefulSet', message);
    }
    return wait('GrowingVolumes', `${name} to ${size}: ${claim.resizeTrouble ?? 'its storage class grows it'}`);
  }
  return null;
};
