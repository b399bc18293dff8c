// lawful
export const client = 1;
