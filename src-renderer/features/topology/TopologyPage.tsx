import { Button, Menu, SegmentedControl } from '@mantine/core';
import {
  Background,
  ConnectionMode,
  Controls,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useNodesState,
  useReactFlow,
  type Edge,
  type NodeMouseHandler,
  type OnSelectionChangeParams,
} from '@xyflow/react';
import { useCallback, useEffect, useMemo, useState, type MouseEvent, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useSearchParams } from 'react-router';
import { useLabInfo, useLive } from '../../client/index.ts';
import { EmptyState, Icon, Page } from '../../shared/index.ts';
import { InjectSheet, kinds, type Asked } from '../faults/index.ts';
import { AsTable } from './AsTable.tsx';
import { ArcEdge, ArrowHeads, LinkEdge, WireEdge } from './edges.tsx';
import { arrayId, graphOf, serverId, siteId, type Graph } from './graph.ts';
import { Inspector } from './Inspector.tsx';
import { loadArrangement, saveArrangement, type Arrangement } from './arrangement.ts';
import { ArrayNode, ServerNode, SiteNode, type ThingNode } from './nodes.tsx';
import { autoPlaces, type Places } from './place.ts';
import { actionsOf, type Thing, type ThingAction } from './things.ts';
import '@xyflow/react/dist/base.css';
import classes from './topology.module.css';

const nodeTypes = { site: SiteNode, server: ServerNode, array: ArrayNode };
const edgeTypes = { link: LinkEdge, arc: ArcEdge, wire: WireEdge };

function nodesOf(graph: Graph, places: Places, arranged: Arrangement, label: (thing: Thing) => string): ThingNode[] {
  const node = (id: string, type: 'site' | 'server' | 'array', name: string): ThingNode[] => {
    const place = places.get(id);
    if (place === undefined) return [];
    const { x, y, width, height, parent } = place;
    return [
      {
        id,
        type,
        data: { name },
        position: arranged[id] ?? { x, y },
        width,
        height,
        ariaLabel: label({ kind: type, name }),
        ...(parent === undefined ? {} : { parentId: parent, extent: 'parent' as const }),
      },
    ];
  };
  // Parents stand before their children.
  return [
    ...graph.sites.flatMap((site) => node(siteId(site.name), 'site', site.name)),
    ...graph.sites.flatMap((site) =>
      site.racks.flatMap((rack) => [
        ...(rack.server === null ? [] : node(serverId(rack.server), 'server', rack.server)),
        ...rack.arrays.flatMap((array) => node(arrayId(array), 'array', array)),
      ]),
    ),
  ];
}

function edgesOf(graph: Graph, places: Places, label: (thing: Thing) => string): Edge[] {
  const centre = (id: string): number => {
    const place = places.get(id);
    if (place === undefined) return 0;
    return place.x + place.width / 2 + (place.parent === undefined ? 0 : (places.get(place.parent)?.x ?? 0));
  };
  const sides = (from: string, to: string): { sourceHandle: string; targetHandle: string } =>
    centre(from) <= centre(to)
      ? { sourceHandle: Position.Right, targetHandle: Position.Left }
      : { sourceHandle: Position.Left, targetHandle: Position.Right };
  return [
    ...graph.links.map(({ name, from, to }): Edge => {
      const [source, target] = [siteId(from), siteId(to)];
      return {
        id: `link/${name}`,
        type: 'link',
        source,
        target,
        ...sides(source, target),
        data: { name },
        ariaLabel: label({ kind: 'link', name }),
      };
    }),
    ...graph.sites.flatMap((site) =>
      site.racks.flatMap((rack) =>
        rack.server === null
          ? []
          : rack.arrays.map((array): Edge => ({
              id: `wire/${array}`,
              type: 'wire',
              source: serverId(rack.server ?? ''),
              target: arrayId(array),
              sourceHandle: Position.Bottom,
              targetHandle: Position.Top,
              focusable: false,
              selectable: false,
            })),
      ),
    ),
    ...graph.arcs.map(({ id, from, to, mirrors }): Edge => {
      const [source, target] = [arrayId(from), arrayId(to)];
      return {
        id,
        type: 'arc',
        source,
        target,
        ...sides(source, target),
        data: { mirrors },
        zIndex: 2,
        ariaLabel: label({ kind: 'arc', name: id, mirrors }),
      };
    }),
  ];
}

/** The graph, made anew only when what stands on the map changes; figures change ten times a second. */
function useGraph(): Graph {
  const text = useLive((state) => JSON.stringify(graphOf(state)));
  return useMemo(() => JSON.parse(text) as Graph, [text]);
}

const thingOf = (id: string): Thing | null => {
  const slash = id.indexOf('/');
  const kind = id.slice(0, slash);
  const name = id.slice(slash + 1);
  return kind === 'site' || kind === 'server' || kind === 'array' || kind === 'link' ? { kind, name } : null;
};

const thingOfEdge = (edge: Edge): Thing | null =>
  edge.type === 'arc'
    ? { kind: 'arc', name: edge.id, mirrors: (edge.data?.['mirrors'] ?? []) as readonly string[] }
    : thingOf(edge.id);

interface OpenMenu {
  readonly x: number;
  readonly y: number;
  readonly thing: Thing;
}

function Map({
  graph,
  onPick,
  onMenu,
}: {
  graph: Graph;
  onPick(thing: Thing | null): void;
  onMenu(menu: OpenMenu): void;
}): ReactElement {
  const { t } = useTranslation();
  const lab = useLabInfo().data?.id ?? '';
  const flow = useReactFlow();
  const label = useCallback(
    (thing: Thing): string =>
      thing.kind === 'arc'
        ? t('topology.arcLabel', { mirrors: thing.mirrors.slice(0, 6).join(', ') })
        : t('topology.thingLabel', { kind: t(`topology.kind.${thing.kind}`), name: thing.name }),
    [t],
  );
  const places = useMemo(() => autoPlaces(graph), [graph]);
  const [nodes, setNodes, onNodesChange] = useNodesState<ThingNode>([]);
  useEffect(() => {
    setNodes(nodesOf(graph, places, loadArrangement(lab), label));
    requestAnimationFrame(() => void flow.fitView({ padding: 0.08, maxZoom: 1.1 }));
  }, [graph, places, lab, label, setNodes, flow]);
  const edges = useMemo(() => edgesOf(graph, places, label), [graph, places, label]);
  // One function for the life of the map: React Flow tells a new listener at once, which would go round for ever.
  const onSelection = useCallback(
    ({ nodes: picked, edges: lines }: OnSelectionChangeParams): void => {
      const [node] = picked;
      const [edge] = lines;
      onPick(node !== undefined ? thingOf(node.id) : edge !== undefined ? thingOfEdge(edge) : null);
    },
    [onPick],
  );
  const keep = (): void => {
    const moved = flow.getNodes().filter((node) => {
      const place = places.get(node.id);
      return place !== undefined && (place.x !== node.position.x || place.y !== node.position.y);
    });
    saveArrangement(lab, Object.fromEntries(moved.map((node) => [node.id, node.position])));
  };
  const openMenu = (event: MouseEvent, thing: Thing | null): void => {
    event.preventDefault();
    if (thing === null) return;
    // From the keyboard there is no pointer: the menu opens at the box itself.
    const box = event.currentTarget.getBoundingClientRect();
    const [x, y] = event.clientX === 0 ? [box.left + 24, box.top + 24] : [event.clientX, event.clientY];
    onMenu({ x, y, thing });
  };
  const onNode: NodeMouseHandler<ThingNode> = (event, node) => openMenu(event, thingOf(node.id));
  return (
    <ReactFlow
      nodes={nodes}
      edges={edges}
      onNodesChange={onNodesChange}
      nodeTypes={nodeTypes}
      edgeTypes={edgeTypes}
      connectionMode={ConnectionMode.Loose}
      nodesConnectable={false}
      deleteKeyCode={null}
      multiSelectionKeyCode={null}
      onlyRenderVisibleElements
      proOptions={{ hideAttribution: true }}
      minZoom={0.1}
      maxZoom={1.6}
      onSelectionChange={onSelection}
      onNodeDragStop={keep}
      onNodeContextMenu={onNode}
      onEdgeContextMenu={(event, edge) => openMenu(event, thingOfEdge(edge))}
      ariaLabelConfig={{
        'node.a11yDescription.default': t('topology.nodeKeys'),
        'edge.a11yDescription.default': t('topology.edgeKeys'),
      }}
    >
      <Background gap={24} size={1} />
      <Controls showInteractive={false} />
      <ArrowHeads />
    </ReactFlow>
  );
}

function ContextMenu({
  menu,
  actions,
  onFault,
  onClose,
}: {
  menu: OpenMenu;
  actions: readonly ThingAction[];
  onFault(action: Extract<ThingAction, { kind: 'fault' }>): void;
  onClose(): void;
}): ReactElement {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <Menu opened onClose={onClose} position="bottom-start" width={230} transitionProps={{ duration: 80 }}>
      <Menu.Target>
        <span className={classes['menuAnchor']} style={{ left: menu.x, top: menu.y }} />
      </Menu.Target>
      <Menu.Dropdown aria-label={t('topology.menu')}>
        {actions.length === 0 ? <Menu.Label>{t('topology.noActions')}</Menu.Label> : null}
        {actions.map((action) =>
          action.kind === 'open' ? (
            <Menu.Item
              key={action.to}
              leftSection={<Icon name={action.icon} size={14} />}
              onClick={() => void navigate(action.to)}
            >
              {t('topology.open', { name: action.name })}
            </Menu.Item>
          ) : (
            <Menu.Item
              key={action.fault}
              leftSection={<Icon name="faults" size={14} />}
              onClick={() => onFault(action)}
            >
              {t(`fault.${action.fault}.title`)}…
            </Menu.Item>
          ),
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

export function TopologyPage(): ReactElement {
  const { t } = useTranslation();
  const graph = useGraph();
  const lab = useLabInfo().data?.id ?? '';
  const [search, setSearch] = useSearchParams();
  const [picked, setPicked] = useState<Thing | null>(null);
  const [menu, setMenu] = useState<OpenMenu | null>(null);
  const [asked, setAsked] = useState<Asked | null>(null);
  /** Counts "arrange automatically": the map is drawn anew. */
  const [arranged, setArranged] = useState(0);
  const asTable = search.get('as') === 'table';
  const onPick = useCallback((thing: Thing | null) => setPicked(thing), []);
  const onFault = (action: Extract<ThingAction, { kind: 'fault' }>): void => {
    setMenu(null);
    setAsked({ kind: action.fault, target: action.target, parameter: kinds[action.fault].initial });
  };
  return (
    <Page
      title={t('topology.title')}
      lead={t('topology.lead')}
      actions={
        <>
          {asTable ? null : (
            <Button
              variant="default"
              onClick={() => {
                saveArrangement(lab, {});
                setArranged((count) => count + 1);
              }}
            >
              {t('topology.arrange')}
            </Button>
          )}
          <SegmentedControl
            aria-label={t('topology.shownAs')}
            value={asTable ? 'table' : 'map'}
            onChange={(as) => setSearch(as === 'table' ? { as } : {}, { replace: true })}
            data={[
              { value: 'map', label: t('topology.asMap') },
              { value: 'table', label: t('topology.asTable') },
            ]}
          />
        </>
      }
    >
      {graph.sites.length === 0 ? (
        <EmptyState icon="topology" title={t('overview.emptyTitle')} bare>
          {t('overview.emptyText')}
        </EmptyState>
      ) : (
        <div className={classes['stage']}>
          <div className={classes['map']} role="region" aria-label={t('topology.map')}>
            {asTable ? (
              <AsTable onPick={onPick} />
            ) : (
              <ReactFlowProvider key={arranged}>
                <Map graph={graph} onPick={onPick} onMenu={setMenu} />
              </ReactFlowProvider>
            )}
          </div>
          <Inspector thing={picked} actions={picked === null ? [] : actionsOf(picked)} onFault={onFault} />
        </div>
      )}
      {menu === null ? null : (
        <ContextMenu menu={menu} actions={actionsOf(menu.thing)} onFault={onFault} onClose={() => setMenu(null)} />
      )}
      {asked === null ? null : <InjectSheet asked={asked} onClose={() => setAsked(null)} />}
    </Page>
  );
}
