/**
 * A self-signed certificate for localhost and its key, for tests of TLS on loopback. Worth nothing anywhere else. Made once with
 * `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost
 * -addext subjectAltName=DNS:localhost,IP:127.0.0.1`.
 */
const cert = [
  '-----BEGIN CERTIFICATE-----',
  'MIIBmjCCAUGgAwIBAgIUacosNst8mSoL9tElKlK9zxo6gg8wCgYIKoZIzj0EAwIw',
  'FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzEyNTkwOVoYDzIxMjYxMDMw',
  'MTI1OTA5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO',
  'PQMBBwNCAARBw3GYvBnqm3AvFud8WozFg1/v6jHREVQQFPehMLZG+4fctMDWxtg+',
  'h0n+2w2b5IXERbSnuTjpFBwBhL+UaAOao28wbTAdBgNVHQ4EFgQUTbYVWOufd8C7',
  'DvQFXcmRLZXLpAUwHwYDVR0jBBgwFoAUTbYVWOufd8C7DvQFXcmRLZXLpAUwDwYD',
  'VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI',
  'zj0EAwIDRwAwRAIgPuCdNS7FueL53QeOcPk0oObU5mAjFvpe5yU1q4sinkgCIBpJ',
  'KW55u/4xMUgjl9VzS09a6bdHMjnp1JJVTsnRoENY',
  '-----END CERTIFICATE-----',
];
const key = [
  '-----BEGIN PRIVATE KEY-----',
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfgGojCujeuirsV7j',
  'wJNLw6B23u6B92lLR4Ok5Xn8EH+hRANCAARBw3GYvBnqm3AvFud8WozFg1/v6jHR',
  'EVQQFPehMLZG+4fctMDWxtg+h0n+2w2b5IXERbSnuTjpFBwBhL+UaAOa',
  '-----END PRIVATE KEY-----',
];

/** In PEM. The certificate is its own authority. */
export const testTls = { cert: Buffer.from(cert.join('\n')), key: Buffer.from(key.join('\n')) };
