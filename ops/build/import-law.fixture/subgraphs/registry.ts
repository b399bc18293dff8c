// lawful
export const load = () => import('./alpha/service.js');
