// violates: environment-is-read-in-config-only
const { env } = process;
export const port = env;
