// lawful
export interface SubgraphContext { id: string }
