// Health check of a container: asks the process in it whether it is ready, over HTTP, or HTTPS where it has a certificate.
//   node ops/image/probe.mjs PORT [PATH]   PATH defaults to /health/ready
import { request as plain } from 'node:http';
import { request as secure } from 'node:https';

const [port, path = '/health/ready'] = process.argv.slice(2);
if (!/^\d{1,5}$/.test(port ?? '')) {
  process.stderr.write('usage: probe.mjs PORT [PATH]\n');
  process.exit(2);
}
const tls = (process.env.ACGS_TLS_CERT_FILE ?? '') !== '';
// The probe runs beside the server and asks it about itself: whose certificate it shows is not in question.
const options = { host: '127.0.0.1', port: Number(port), path, timeout: 3_000, agent: false, ...(tls ? { rejectUnauthorized: false } : {}) };
const sent = (tls ? secure : plain)(options, (answer) => {
  answer.resume();
  process.exitCode = answer.statusCode === 200 ? 0 : 1;
});
sent.on('timeout', () => sent.destroy(new Error('no answer within 3 s')));
sent.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
sent.end();
