// lawful
export const other = 1;
