// violates: resolvers-call-services-only
export { read } from './store.js';
