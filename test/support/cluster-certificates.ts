/**
 * An authority, the certificate of a cluster `store` in the namespace `shop` with exactly the names that the resource asks for
 * (`tls.client.secretName`), and one of a client of it. Worth nothing anywhere else. Made once with `openssl x509 -req -days 36500` and
 * `subjectAltName=DNS:localhost,DNS:*.store-peers.shop.svc,DNS:store-rw.shop.svc,DNS:store-r.shop.svc`; the client's has no name, and is
 * good for clients only.
 */
const authority = [
  '-----BEGIN CERTIFICATE-----',
  'MIIBqzCCAVGgAwIBAgIUGpEGJYH7FLxsfhLQFWoqm5JWpRQwCgYIKoZIzj0EAwIw',
  'IjEgMB4GA1UEAwwXZ3JhdmV5YXIgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTI4MDQx',
  'MDE1WhgPMjEyNjExMDQwNDEwMTVaMCIxIDAeBgNVBAMMF2dyYXZleWFyIHRlc3Qg',
  'YXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsL21HQaJNP1AmaEM',
  '4WCl6Fldi6zVGZF74Nr9aqiq7bTXKsMstMVXlkOObT2eT953F9VUvFqzr4eZDknr',
  'kW9HzqNjMGEwHQYDVR0OBBYEFEbIqKWmPO0ky7xXxD5cE4BtIUt0MB8GA1UdIwQY',
  'MBaAFEbIqKWmPO0ky7xXxD5cE4BtIUt0MA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0P',
  'AQH/BAQDAgEGMAoGCCqGSM49BAMCA0gAMEUCICodDYaQw5UArPsBt0DxL3BjGAtp',
  'UqhEk2IHb09nyL2TAiEAn2tvYBsZcbYtBLtcsjKorp11Q092SF4VxjRkqotibFU=',
  '-----END CERTIFICATE-----',
];
const serverCert = [
  '-----BEGIN CERTIFICATE-----',
  'MIIB+jCCAaCgAwIBAgIUanSBZp6tpnHo3Q4DlVzHJorL/d8wCgYIKoZIzj0EAwIw',
  'IjEgMB4GA1UEAwwXZ3JhdmV5YXIgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTI4MDQx',
  'MDE1WhgPMjEyNjExMDQwNDEwMTVaMBAxDjAMBgNVBAMMBXN0b3JlMFkwEwYHKoZI',
  'zj0CAQYIKoZIzj0DAQcDQgAEDf0hyxQ7LigDeC5mUAFxvfGkvUW/cSro1c5AK/+w',
  'p1vKGNL1PmaZJgf3SvdUyyRKe9cH0n+uMHgW1jHxyjYc5aOBwzCBwDAMBgNVHRMB',
  'Af8EAjAAMB0GA1UdJQQWMBQGCCsGAQUFBwMBBggrBgEFBQcDAjBRBgNVHREESjBI',
  'gglsb2NhbGhvc3SCFiouc3RvcmUtcGVlcnMuc2hvcC5zdmOCEXN0b3JlLXJ3LnNo',
  'b3Auc3ZjghBzdG9yZS1yLnNob3Auc3ZjMB0GA1UdDgQWBBQkLwUc1Yv+KFeaqBuv',
  'GN55+uzQhDAfBgNVHSMEGDAWgBRGyKilpjztJMu8V8Q+XBOAbSFLdDAKBggqhkjO',
  'PQQDAgNIADBFAiEA+e+UodWxqGCKmj+LOStWpCUNQS8Wtd7s1BiE+QoeX+4CICcA',
  'hdr27n/cZdNx3HNeFfVAr14Lmf2ElKO6un33yRbw',
  '-----END CERTIFICATE-----',
];
const serverKey = [
  '-----BEGIN PRIVATE KEY-----',
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgg9Z5l4XsofhYOETK',
  'ZxJuq8dNIfsKnormhXpu81UtlMOhRANCAAQN/SHLFDsuKAN4LmZQAXG98aS9Rb9x',
  'KujVzkAr/7CnW8oY0vU+ZpkmB/dK91TLJEp71wfSf64weBbWMfHKNhzl',
  '-----END PRIVATE KEY-----',
];
const clientCert = [
  '-----BEGIN CERTIFICATE-----',
  'MIIBnjCCAUSgAwIBAgIUanSBZp6tpnHo3Q4DlVzHJorL/eAwCgYIKoZIzj0EAwIw',
  'IjEgMB4GA1UEAwwXZ3JhdmV5YXIgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTI4MDQx',
  'MDE1WhgPMjEyNjExMDQwNDEwMTVaMBMxETAPBgNVBAMMCG9wZXJhdG9yMFkwEwYH',
  'KoZIzj0CAQYIKoZIzj0DAQcDQgAENU3wO/2N1fSOZFtn9eLjSiobjf82R2LtocNd',
  '+6Dt3YNina0dbyoY5OiX0wUSzfojs+U2R7zNEwBkfWtvhOyv76NlMGMwDAYDVR0T',
  'AQH/BAIwADATBgNVHSUEDDAKBggrBgEFBQcDAjAdBgNVHQ4EFgQUikMj4yAIgPJu',
  'nhQeVthobNSp75EwHwYDVR0jBBgwFoAURsiopaY87STLvFfEPlwTgG0hS3QwCgYI',
  'KoZIzj0EAwIDSAAwRQIgBDd1EN4bqxKPZfMoq//3tkGhg683BNnzyj7pu0JDODUC',
  'IQCn7PObKC5Cd2JpEnx6mfSDJn62TcyO52CzUggdnWjdZQ==',
  '-----END CERTIFICATE-----',
];
const clientKey = [
  '-----BEGIN PRIVATE KEY-----',
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQbSD+Ekbu4In9DD1',
  'Zf7TLKOzd6r94I6V1aWNCq0i1g6hRANCAAQ1TfA7/Y3V9I5kW2f14uNKKhuN/zZH',
  'Yu2hw137oO3dg2KdrR1vKhjk6JfTBRLN+iOz5TZHvM0TAGR9a2+E7K/v',
  '-----END PRIVATE KEY-----',
];

const pem = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

/** In PEM, by the keys that they have in Secrets of type kubernetes.io/tls. */
export const clusterCertificates = {
  server: { 'ca.crt': pem(authority), 'tls.crt': pem(serverCert), 'tls.key': pem(serverKey) },
  client: { 'ca.crt': pem(authority), 'tls.crt': pem(clientCert), 'tls.key': pem(clientKey) },
} as const;
