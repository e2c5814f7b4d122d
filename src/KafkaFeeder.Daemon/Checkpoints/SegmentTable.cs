using System.Collections;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// An item for each segment of a log, in the order of the segments, with eight bytes of overhead each: there may be 100,000. Adding or
/// removing one moves the items between it and the nearer end; new segments come at the end and the oldest go first. Not
/// thread-safe.
/// </summary>
/// <param name="nameOf">Returns the segment of an item.</param>
internal sealed class SegmentTable<T>(Func<T, SegmentName> nameOf) : IReadOnlyCollection<T>
    where T : class
{
    private const int MinLength = 4;

    private T[] _items = [];
    private int _first;
    private int _end;

    public int Count => _end - _first;

    /// <summary>The first item; null: there is none.</summary>
    public T? First => Count == 0 ? null : _items[_first];

    /// <summary>The item of a segment; null: there is none.</summary>
    public T? Find(SegmentName name)
    {
        var at = IndexOf(name);
        return at < 0 ? null : _items[at];
    }

    public bool Contains(SegmentName name) => IndexOf(name) >= 0;

    /// <summary>Adds an item, or replaces the item of its segment.</summary>
    public void Set(T item)
    {
        var at = IndexOf(nameOf(item));
        if (at >= 0)
        {
            _items[at] = item;
            return;
        }

        at = ~at - _first;
        if (at < Count / 2 && _first > 0)
        {
            Array.Copy(_items, _first, _items, _first - 1, at);
            _first--;
        }
        else
        {
            if (_end == _items.Length)
            {
                Move(Count + (Count / 2) + MinLength);
            }

            Array.Copy(_items, _first + at, _items, _first + at + 1, Count - at);
            _end++;
        }

        _items[_first + at] = item;
    }

    /// <summary>Removes the item of a segment. False if there is none.</summary>
    public bool Remove(SegmentName name)
    {
        var at = IndexOf(name);
        if (at < 0)
        {
            return false;
        }

        if (at - _first < Count / 2)
        {
            Array.Copy(_items, _first, _items, _first + 1, at - _first);
            _items[_first++] = null!;
        }
        else
        {
            Array.Copy(_items, at + 1, _items, at, _end - at - 1);
            _items[--_end] = null!;
        }

        if (Count < _items.Length / 4)
        {
            Move(2 * Count);
        }

        return true;
    }

    /// <summary>Allocates room for this many items.</summary>
    public void Reserve(int count)
    {
        if (_first + count > _items.Length)
        {
            Move(Math.Max(count, Count + (Count / 2)));
        }
    }

    public void Clear()
    {
        _items = [];
        (_first, _end) = (0, 0);
    }

    /// <summary>Enumerates the items in order. The table must not change meanwhile.</summary>
    public IEnumerator<T> GetEnumerator()
    {
        for (var i = _first; i < _end; i++)
        {
            yield return _items[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The index of a segment; if it is not there, the complement of the index where it belongs.</summary>
    private int IndexOf(SegmentName name)
    {
        if (_end > _first && nameOf(_items[_end - 1]) < name)
        {
            return ~_end; // the usual place of a new segment
        }

        var (low, high) = (_first, _end - 1);
        while (low <= high)
        {
            var middle = low + ((high - low) / 2);
            var order = nameOf(_items[middle]).CompareTo(name);
            if (order == 0)
            {
                return middle;
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return ~low;
    }

    private void Move(int length)
    {
        var items = new T[length];
        Array.Copy(_items, _first, items, 0, Count);
        (_items, _first, _end) = (items, 0, Count);
    }
}
