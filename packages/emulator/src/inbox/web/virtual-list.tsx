import { type ComponentChildren, useEffect, useLayoutEffect, useRef, useState } from "./preact.ts";

/** Number of rows rendered outside the viewport, so that scrolling shows no gap. */
const OVERSCAN = 6;

interface VirtualListProps {
  readonly label: string;
  readonly count: number;
  /** Height of a row. Unit: CSS pixels. */
  readonly rowHeight: number;
  /** Number of rows added on top since the last rendering; the rows in view stay in place. */
  readonly addedOnTop: number;
  /** Index of the selected row, scrolled into view when it changes. -1: none. */
  readonly selected: number;
  readonly onSelect: (index: number) => void;
  readonly onOpen: (index: number) => void;
  readonly keyOf: (index: number) => string | number;
  readonly children: (index: number) => ComponentChildren;
}

/** List of any length that renders only the rows in view. Arrow keys, Page Up/Down, Home and End move the selection. */
export function VirtualList(props: VirtualListProps) {
  const { count, rowHeight, addedOnTop, selected, onSelect, onOpen, keyOf, children, label } = props;
  const ref = useRef<HTMLDivElement>(null);
  const [scrollTop, setScrollTop] = useState(0);
  const [height, setHeight] = useState(600);

  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    setHeight(element.clientHeight);
    return () => observer.disconnect();
  }, []);

  // scrolled to the top, new rows are shown; elsewhere the rows in view stay
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null || addedOnTop <= 0 || element.scrollTop < rowHeight / 2) return;
    element.scrollTop += addedOnTop * rowHeight;
    setScrollTop(element.scrollTop);
  });

  const lastSelected = useRef(-1);
  useLayoutEffect(() => {
    const element = ref.current;
    const key = selected === -1 ? -1 : keyOf(selected);
    if (element === null || key === lastSelected.current) return;
    lastSelected.current = key as number;
    if (selected === -1) return;
    const top = selected * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = top + rowHeight - element.clientHeight;
  });

  const page = Math.max(1, Math.floor(height / rowHeight) - 1);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || count === 0) return;
    const from = selected === -1 ? -1 : selected;
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: from + 1,
      j: from + 1,
      ArrowUp: from - 1,
      k: from - 1,
      PageDown: from + page,
      PageUp: from - page,
      Home: 0,
      End: count - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) {
      event.preventDefault();
      onSelect(Math.min(count - 1, Math.max(0, to)));
    } else if ((event.key === "Enter" || event.key === " ") && selected !== -1) {
      event.preventDefault();
      onOpen(selected);
    }
  };

  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - OVERSCAN);
  const last = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + OVERSCAN);
  const rows: ComponentChildren[] = [];
  for (let index = first; index < last; index++) {
    rows.push(
      // keyboard events are handled by the list as a whole
      // biome-ignore lint/a11y/useKeyWithClickEvents: see onKeyDown of the list
      // biome-ignore lint/a11y/useFocusableInteractive: aria-activedescendant of the list
      <div
        key={keyOf(index)}
        id={`row-${keyOf(index)}`}
        role="option"
        aria-selected={index === selected}
        aria-posinset={index + 1}
        aria-setsize={count}
        class="row"
        style={{ transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }}
        onClick={() => onOpen(index)}
      >
        {children(index)}
      </div>,
    );
  }
  return (
    <div
      ref={ref}
      class="list"
      role="listbox"
      aria-label={label}
      tabIndex={0}
      aria-activedescendant={selected === -1 ? undefined : `row-${keyOf(selected)}`}
      onKeyDown={onKeyDown}
      onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
    >
      <div class="rows" style={{ height: `${count * rowHeight}px` }}>
        {rows}
      </div>
    </div>
  );
}
