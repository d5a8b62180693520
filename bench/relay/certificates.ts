import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Files with a private key and a certificate that signs itself, for this machine and this run. */
export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** Makes a certificate with `openssl`. @param folder Where its files go. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const key = join(folder, 'key.pem')
  const cert = join(folder, 'cert.pem')
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', names, '-keyout', key, '-out', cert],
  ])
  return { key, cert }
}
