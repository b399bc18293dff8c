// violates: runtime-imports-nothing-of-ours
export { plan } from '../../gateway/lawful.js';
