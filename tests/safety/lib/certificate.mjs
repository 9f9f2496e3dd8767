// Certificates of one's own.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

// A new key, and a certificate for localhost that it has signed itself; gives the certificate.
export function issue(cert, key) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
  { stdio: 'ignore' });
  return readFileSync(cert);
}
