// Lays a pipeline's graph out in layers: sources left, sinks right, as few crossings as a few sweeps find. No DOM here.
//
// An edge over several layers passes each between by a place of its own, so that it runs behind no box.

export const BOX = { width: 160, height: 56, across: 126 };
const [GAP, PORT, PASSAGE, SWEEPS] = [22, 20, 14, 8];

/**
 * Places components and edges. Nodes get `x`, `y` and `height`; edges `points`, through which they run, pair by pair
 * from one layer's right side to the next one's left. `width` and `height` are of the whole. What an edge names that is
 * not among the components gets a node of its own, `isOther`.
 */
export function layout(pipeline) {
  const nodes = new Map();
  const put = (name, more) => nodes.set(name, { name, layer: 0, order: nodes.size, into: [], out: [], ...more });
  for (const component of pipeline.components ?? []) put(component.name, { component });
  const find = (name) => {
    // An edge may name a component with its pipeline or without.
    const known = [name, `${pipeline.id}/${name}`, name.replace(`${pipeline.id}/`, "")].find((one) => nodes.has(one));
    if (!known) put(name, { isOther: true });
    return nodes.get(known ?? name);
  };
  const edges = (pipeline.edges ?? []).map((edge) => ({ ...edge, from: find(edge.from), to: find(edge.to) }));
  rank([...nodes.values()], edges);
  const layers = [];
  for (const node of nodes.values()) (layers[node.layer] ??= []).push(node);
  for (const edge of edges) edge.way = way(edge, layers);
  for (let sweep = 0; sweep < SWEEPS; sweep++) order(layers, sweep % 2 === 0);
  const size = place(layers);
  for (const node of layers.flat()) ports(node);
  for (const edge of edges)
    edge.points = edge.way.flatMap(({ from, to, y1, y2 }) => [
      [from.x + BOX.width, y1],
      [to.x, y2],
    ]);
  return { nodes: [...nodes.values()], edges, ...size };
}

/** The layer of a node is the longest way to it; sinks stand in the last. Cycles there are none; one would end, too. */
function rank(nodes, edges) {
  for (let round = 0, isDone = false; round < nodes.length && !isDone; round++) {
    isDone = true;
    for (const { from, to } of edges) {
      if (to.layer > from.layer || from.layer >= nodes.length) continue;
      to.layer = from.layer + 1;
      isDone = false;
    }
  }
  const last = Math.max(0, ...nodes.map((node) => node.layer));
  for (const node of nodes) if (node.component?.kind === "sink") node.layer = last;
  // No layer is empty, so that none has to be asked for.
  const used = [...new Set(nodes.map((node) => node.layer))].sort((one, other) => one - other);
  for (const node of nodes) node.layer = used.indexOf(node.layer);
}

/** The steps of an edge from layer to layer, through passages that are put into those between. */
function way({ from, to }, layers) {
  const stops = [from];
  for (let layer = from.layer + 1; layer < to.layer; layer++) {
    const passage = { isPassage: true, layer, order: layers[layer].length, into: [], out: [] };
    layers[layer].push(passage);
    stops.push(passage);
  }
  stops.push(to);
  return stops.slice(1).map((stop, index) => {
    const step = { from: stops[index], to: stop };
    step.from.out.push(step);
    stop.into.push(step);
    return step;
  });
}

/** Sorts each layer by the mean place of what its nodes are connected with on one side. */
function order(layers, isForward) {
  for (const layer of isForward ? layers : [...layers].reverse()) {
    for (const node of layer) {
      const near = isForward ? node.into.map(({ from }) => from) : node.out.map(({ to }) => to);
      const sum = near.reduce((sum, other) => sum + other.order, 0);
      node.wanted = near.length ? sum / near.length : node.order;
    }
    layer.sort((one, other) => one.wanted - other.wanted);
    layer.forEach((node, index) => (node.order = index - (layer.length - 1) / 2));
  }
}

function place(layers) {
  const tall = (node) =>
    node.isPassage ? PASSAGE : Math.max(BOX.height, PORT * (Math.max(node.into.length, node.out.length) + 1));
  const total = (layer) => layer.reduce((sum, node) => sum + tall(node) + GAP, -GAP);
  const height = Math.max(BOX.height, ...layers.map(total));
  layers.forEach((layer, column) => {
    let y = (height - total(layer)) / 2;
    for (const node of layer) {
      Object.assign(node, { x: column * (BOX.width + BOX.across), y, height: tall(node) });
      y += node.height + GAP;
    }
  });
  return { width: Math.max(1, layers.length) * (BOX.width + BOX.across) - BOX.across, height };
}

/** Spreads the ends of edges over the side of a box, in the order in which they come and go. */
function ports(node) {
  const middle = (other) => other.y + other.height / 2;
  const spread = (steps, far, name) => {
    steps.sort((one, other) => middle(far(one)) - middle(far(other)));
    steps.forEach((step, index) => (step[name] = node.y + (node.height * (index + 1)) / (steps.length + 1)));
  };
  spread(node.into, ({ from }) => from, "y2");
  spread(node.out, ({ to }) => to, "y1");
}

/**
 * The rate on an edge, in events per second: as the API says, or what its receiver receives if it has no other input;
 * null if it is not known.
 */
export function rateOf(edge, edges) {
  if (typeof edge.rate === "number") return edge.rate;
  const inputs = edges.filter(({ to }) => to === edge.to);
  return inputs.length === 1 ? (edge.to.component?.received_rate ?? null) : null;
}
