using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Reading;

namespace KafkaLog.Tool.Converting;

/// <summary>Writes the records of a segment into another one, with their offsets and timestamps.</summary>
internal sealed class Conversion(SegmentWriter writer) : IInspector
{
    private bool _isControl;

    public long Records { get; private set; }

    public long ControlBatches { get; private set; }

    public void Batch(SegmentScan scan)
    {
        _isControl = scan.Header.IsControl;
        ControlBatches += _isControl ? 1 : 0;
    }

    public void Record(in Record record, long offset)
    {
        if (_isControl)
        {
            return;
        }

        try
        {
            writer.Append(new NewRecord(record), offset);
        }
        catch (ArgumentOutOfRangeException)
        {
            throw new UserErrorException(
                $"offset {offset} comes after a higher one, but offsets in a segment must ascend. See kafkalog verify.");
        }
        catch (ArgumentException e)
        {
            throw new UserErrorException($"the record of offset {offset}: {e.Message}");
        }

        Records++;
    }
}
