/** The work of the verbs that do more than send one document; loaded when it is run. */
import type { Act } from '../act.js';
import type { ActName } from '../verb.js';

export const ACTS: Readonly<Record<ActName, () => Promise<Act>>> = {
  approve: async () => (await import('./approve.js')).approve,
  completion: async () => (await import('../completion/completion.js')).completion,
  deploy: async () => (await import('./deploy.js')).deploy,
  health: async () => (await import('./health.js')).health,
  loadTest: async () => (await import('./load-test.js')).loadTest,
  login: async () => (await import('./login.js')).login,
  logout: async () => (await import('./login.js')).logout,
  rollback: async () => (await import('./deploy.js')).rollback,
  schemaApprove: async () => (await import('./schema-approve.js')).schemaApprove,
  schemaCheck: async () => (await import('./schema-check.js')).schemaCheck,
  schemaCompose: async () => (await import('./schema-compose.js')).schemaCompose,
  schemaDiff: async () => (await import('./schema-diff.js')).schemaDiff,
  schemaPublish: async () => (await import('./schema-publish.js')).schemaPublish,
  setPassword: async () => (await import('./set-password.js')).setPassword,
  status: async () => (await import('./status.js')).status,
  submitProof: async () => (await import('./submit-proof.js')).submitProof,
  top: async () => (await import('../top/top.js')).top,
  wait: async () => (await import('./wait.js')).wait,
  watchOnly: async () => (await import('./watch-only.js')).watchOnly,
};
