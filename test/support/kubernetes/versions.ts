/**
 * Which programs the Kubernetes tests run: the one place that pins them. The Go modules beside, under `binaries/`, must name
 * the same versions, which a test holds.
 */

/** The last minor version whose kubelet takes Debian 12's containerd 1.6. */
export const KUBERNETES_VERSION = '1.35.4';
export const HELM_VERSION = '4.3.1';
export const COREDNS_VERSION = '1.14.7';

/** The Go that all three modules can be built with. */
export const GO_VERSION = '1.26';
