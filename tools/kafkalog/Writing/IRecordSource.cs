namespace KafkaLog.Tool.Writing;

/// <summary>Records that were read and are kept until they are safe.</summary>
internal interface IRecordSource
{
    /// <summary>Appends them all; may be called again.</summary>
    void AppendTo(PatientWriter writer);
}
