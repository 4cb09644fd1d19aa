# Prepares what a PowerShell script may use, then runs the script in this scope. Language and .NET only, no module:
# starts faster, and behaves alike on every edition of PowerShell 7.2 and newer.

$ErrorActionPreference = 'Stop'
$PSNativeCommandArgumentPassing = 'Legacy'
[Console]::OutputEncoding = [System.Text.UTF8Encoding]::new($false)
if ($PSStyle) { $PSStyle.OutputRendering = 'PlainText' }

function __Octopus_Encode([string] $Text) {
    [Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes($Text))
}

# Attributes come as name, value, name, value; a null value leaves the attribute out.
function __Octopus_Send([string] $Message, [object[]] $Attributes = @(), [switch] $OnErrorStream) {
    $text = [System.Text.StringBuilder]::new("##octopus[$Message")
    for ($index = 0; $index -lt $Attributes.Count; $index += 2) {
        if ($null -ne $Attributes[$index + 1]) {
            [void] $text.Append(" $($Attributes[$index])='$(__Octopus_Encode $Attributes[$index + 1])'")
        }
    }
    [void] $text.Append(']')
    if ($OnErrorStream) { [Console]::Error.WriteLine($text.ToString()) } else { [Console]::Out.WriteLine($text.ToString()) }
}

function __Octopus_AtLevel([string] $Level, [string] $Text) {
    [Console]::Out.WriteLine("##octopus[stdout-$Level]")
    [Console]::Out.WriteLine($Text)
    [Console]::Out.WriteLine('##octopus[stdout-default]')
}

# JSON as objects: whole numbers as Int64 (BigInteger beyond), others as Double, dates stay text. Property names differ
# by more than case in PowerShell, so of two that do not the first is kept; so are names that are not empty.
function __Octopus_FromJson($Element) {
    switch ([int] $Element.ValueKind) {
        1 {
            $object = [psobject]::new()
            foreach ($property in $Element.EnumerateObject()) {
                $name = $property.Name
                if ($name -ne '' -and $null -eq $object.PSObject.Properties[$name]) {
                    $value = __Octopus_FromJson $property.Value
                    $object.PSObject.Properties.Add([psnoteproperty]::new($name, $value))
                }
            }
            return $object
        }
        2 {
            $items = [object[]]::new($Element.GetArrayLength())
            $index = 0
            foreach ($item in $Element.EnumerateArray()) {
                $items[$index] = __Octopus_FromJson $item
                $index++
            }
            return , $items
        }
        3 { return $Element.GetString() }
        4 {
            $text = $Element.GetRawText()
            if ($text.IndexOfAny([char[]] '.eE') -ge 0) { return $Element.GetDouble() }
            $whole = [long] 0
            if ($Element.TryGetInt64([ref] $whole)) { return $whole }
            return [System.Numerics.BigInteger]::Parse($text, [Globalization.CultureInfo]::InvariantCulture)
        }
        5 { return $true }
        6 { return $false }
        default { return $null }
    }
}

function __Octopus_ParseJson([string] $Text) {
    $document = [System.Text.Json.JsonDocument]::Parse($Text)
    try { $value = __Octopus_FromJson $document.RootElement } finally { $document.Dispose() }
    return , $value
}

function __Octopus_ToJson($Value, [int] $Depth = 0) {
    if ($Depth -gt 64) { throw 'The request body is nested too deeply: send at most 64 levels.' }
    if ($null -eq $Value) { return 'null' }
    $base = $Value.PSObject.BaseObject
    if ($base -is [bool]) { if ($base) { return 'true' } else { return 'false' } }
    if ($base -is [double] -or $base -is [single]) { return $base.ToString('R', [Globalization.CultureInfo]::InvariantCulture) }
    if ($base -is [System.Numerics.BigInteger] -or $base -is [decimal] -or ($base.GetType().IsPrimitive -and $base -isnot [char])) {
        return $base.ToString([Globalization.CultureInfo]::InvariantCulture)
    }
    if ($base -is [datetime] -or $base -is [DateTimeOffset]) {
        return '"' + $base.ToString('o', [Globalization.CultureInfo]::InvariantCulture) + '"'
    }
    $parts = [System.Collections.Generic.List[string]]::new()
    if ($base -is [System.Collections.IDictionary]) {
        foreach ($key in $base.Keys) {
            $parts.Add((__Octopus_ToJson ([string] $key)) + ':' + (__Octopus_ToJson $base[$key] ($Depth + 1)))
        }
        return '{' + [string]::Join(',', $parts) + '}'
    }
    if ($base -is [System.Management.Automation.PSCustomObject]) {
        foreach ($property in $Value.PSObject.Properties) {
            $parts.Add((__Octopus_ToJson $property.Name) + ':' + (__Octopus_ToJson $property.Value ($Depth + 1)))
        }
        return '{' + [string]::Join(',', $parts) + '}'
    }
    if ($base -is [System.Collections.IEnumerable] -and $base -isnot [string]) {
        foreach ($item in $base) { $parts.Add((__Octopus_ToJson $item ($Depth + 1))) }
        return '[' + [string]::Join(',', $parts) + ']'
    }
    return '"' + [System.Text.Json.JsonEncodedText]::Encode([string] $base, $null).ToString() + '"'
}

function Set-OctopusVariable {
    param(
        [Parameter(Mandatory, Position = 0)] [string] $Name,
        [Parameter(Position = 1)] [AllowEmptyString()] [AllowNull()] [string] $Value,
        [switch] $Sensitive
    )
    $OctopusParameters[$Name] = $Value
    $mark = $null
    if ($Sensitive) {
        Add-OctopusMask $Value
        $mark = 'True'
    }
    __Octopus_Send 'setVariable' @('name', $Name, 'value', $Value, 'sensitive', $mark)
}

function Get-OctopusVariable([Parameter(Mandatory)] [string] $Name) {
    $value = ''
    [void] $OctopusParameters.TryGetValue($Name, [ref] $value)
    return [string] $value
}

# Said on both streams: they are read apart, and whichever comes first must know.
function Add-OctopusMask([AllowEmptyString()] [string] $Value) {
    __Octopus_Send 'mask' @('value', $Value)
    __Octopus_Send 'mask' @('value', $Value) -OnErrorStream
}

function New-OctopusArtifact {
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)]
        [Alias('FullName', 'FullPath')] [string] $Path,
        [Parameter(Position = 1)] [string] $Name
    )
    process {
        $full = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
        $shown = if ($Name) { $Name } else { [IO.Path]::GetFileName($full) }
        $length = if ([IO.File]::Exists($full)) { [string] [IO.FileInfo]::new($full).Length } else { $null }
        __Octopus_Send 'createArtifact' @('path', $full, 'name', $shown, 'length', $length)
    }
}

function Update-Progress([Parameter(Mandatory, Position = 0)] [int] $Percentage, [Parameter(Position = 1)] [string] $Message) {
    __Octopus_Send 'progress' @('percentage', [string] $Percentage, 'message', $Message)
}

function Fail-Step([Parameter(Position = 0)] [string] $Message) {
    if ($Message) { __Octopus_Send 'resultMessage' @('message', $Message) }
    exit -1
}

function Write-Verbose([Parameter(Position = 0, ValueFromPipeline)] [AllowEmptyString()] [Alias('Msg')] [string] $Message) {
    process { __Octopus_AtLevel 'verbose' $Message }
}

function Write-Debug([Parameter(Position = 0, ValueFromPipeline)] [AllowEmptyString()] [Alias('Msg')] [string] $Message) {
    process { __Octopus_AtLevel 'verbose' $Message }
}

function Write-Warning([Parameter(Position = 0, ValueFromPipeline)] [AllowEmptyString()] [Alias('Msg')] [string] $Message) {
    process { __Octopus_AtLevel 'warning' $Message }
}

function Write-Highlight([Parameter(Position = 0, ValueFromPipeline)] [AllowEmptyString()] [string] $Message) {
    process { __Octopus_AtLevel 'highlight' $Message }
}

function Write-Wait([Parameter(Position = 0, ValueFromPipeline)] [AllowEmptyString()] [string] $Message) {
    process { __Octopus_AtLevel 'wait' $Message }
}

function Execute-WithRetry([ScriptBlock] $Command, [int] $MaxFailures = 3, [double] $SleepBetweenFailures = 1) {
    for ($attempt = 1; ; $attempt++) {
        try {
            & $Command
            return
        }
        catch {
            if ($attempt -ge $MaxFailures) { throw }
            __Octopus_AtLevel 'verbose' "Attempt $attempt of $MaxFailures failed: $($_.Exception.Message)"
            [System.Threading.Thread]::Sleep([int] ($SleepBetweenFailures * 1000))
        }
    }
}

# One HTTP/1.1 exchange over the socket. By hand, because .NET would call back on threads that have no PowerShell.
function __Octopus_ExchangeOverSocket([string] $Method, [string] $Path, $Content) {
    $body = [byte[]]::new(0)
    if ($null -ne $Content) { $body = [System.Text.Encoding]::UTF8.GetBytes($Content) }
    $head = "$Method $Path HTTP/1.1`r`nHost: localhost`r`nX-Octopus-ApiKey: $($__Octopus.Token)`r`n" +
        "Accept: application/json`r`nConnection: close`r`n"
    if ($null -ne $Content) { $head += "Content-Type: application/json`r`n" }
    if ($null -ne $Content -or $Method -notin 'GET', 'HEAD') { $head += "Content-Length: $($body.Length)`r`n" }
    $answer = [System.IO.MemoryStream]::new()
    $socket = [System.Net.Sockets.Socket]::new(
        [System.Net.Sockets.AddressFamily]::Unix,
        [System.Net.Sockets.SocketType]::Stream,
        [System.Net.Sockets.ProtocolType]::Unspecified)
    try {
        $socket.SendTimeout = $socket.ReceiveTimeout = 60000
        $socket.Connect([System.Net.Sockets.UnixDomainSocketEndPoint]::new($__Octopus.Socket))
        foreach ($part in [System.Text.Encoding]::ASCII.GetBytes("$head`r`n"), $body) {
            $sent = 0
            while ($sent -lt $part.Length) {
                $sent += $socket.Send($part, $sent, $part.Length - $sent, [System.Net.Sockets.SocketFlags]::None)
            }
        }
        $buffer = [byte[]]::new(65536)
        while (($count = $socket.Receive($buffer, 0, $buffer.Length, [System.Net.Sockets.SocketFlags]::None)) -gt 0) {
            $answer.Write($buffer, 0, $count)
        }
    }
    finally { $socket.Dispose() }
    __Octopus_ReadAnswer $answer.ToArray()
}

# Latin-1 maps every octet to one character, so positions in the text are positions in the answer.
function __Octopus_ReadAnswer([byte[]] $Octets) {
    $text = [System.Text.Encoding]::Latin1.GetString($Octets)
    $end = $text.IndexOf("`r`n`r`n", [StringComparison]::Ordinal)
    if ($end -lt 0 -or -not $text.StartsWith('HTTP/1.', [StringComparison]::Ordinal)) {
        throw 'the answer was cut off'
    }
    $lines = $text.Substring(0, $end).Split("`r`n")
    $position = $end + 4
    $body = [System.Text.StringBuilder]::new()
    if ($lines -match '^transfer-encoding:.*chunked') {
        while ($true) {
            $line = $text.IndexOf("`r`n", $position, [StringComparison]::Ordinal)
            if ($line -lt 0) { throw 'the answer was cut off' }
            $size = [Convert]::ToInt32($text.Substring($position, $line - $position).Split(';')[0].Trim(), 16)
            if ($size -eq 0) { break }
            $position = $line + 4 + $size
            if ($text.IndexOf("`r`n", $position - 2, [StringComparison]::Ordinal) -ne $position - 2) { throw 'the answer was cut off' }
            [void] $body.Append($text.Substring($line + 2, $size))
        }
    }
    else {
        $rest = $text.Substring($position)
        $length = @($lines -match '^content-length:')
        if ($length.Count -and [int] $length[0].Split(':')[1] -gt $rest.Length) { throw 'the answer was cut off' }
        [void] $body.Append($rest)
    }
    [pscustomobject] @{
        Status = [int] $lines[0].Split(' ')[1]
        Text   = [System.Text.Encoding]::UTF8.GetString([System.Text.Encoding]::Latin1.GetBytes($body.ToString()))
    }
}

function __Octopus_ExchangeOverHttp([string] $Method, [string] $Path, $Content) {
    $handler = [System.Net.Http.HttpClientHandler]::new()
    $handler.UseProxy = $false
    $handler.AllowAutoRedirect = $false
    $client = [System.Net.Http.HttpClient]::new($handler)
    try {
        $client.Timeout = [TimeSpan]::FromSeconds(60)
        $request = [System.Net.Http.HttpRequestMessage]::new([System.Net.Http.HttpMethod]::new($Method), $__Octopus.BaseUrl + $Path)
        [void] $request.Headers.TryAddWithoutValidation('X-Octopus-ApiKey', $__Octopus.Token)
        [void] $request.Headers.TryAddWithoutValidation('Accept', 'application/json')
        if ($null -ne $Content) {
            $request.Content = [System.Net.Http.StringContent]::new($Content, [System.Text.Encoding]::UTF8, 'application/json')
        }
        $response = $client.Send($request)
        $reader = [System.IO.StreamReader]::new($response.Content.ReadAsStream())
        [pscustomobject] @{ Status = [int] $response.StatusCode; Text = $reader.ReadToEnd() }
    }
    finally { $client.Dispose() }
}

# The `detail` of a problem description (RFC 9457), or the beginning of whatever came instead.
function __Octopus_Problem([string] $Text) {
    try { $problem = __Octopus_ParseJson $Text } catch { $problem = $null }
    # Asked for in a way that strict mode, should the script switch it on, does not object to.
    if ($problem -is [psobject] -and $problem.PSObject.Properties['detail']) { return [string] $problem.detail }
    $plain = ($Text -replace '\s+', ' ').Trim()
    if ($plain) { return $plain.Substring(0, [Math]::Min(300, $plain.Length)) }
    return 'no explanation was given.'
}

# Calls the API: a -Body that is not text is sent as JSON, the answer comes back as objects.
function Invoke-OctopusApi {
    param(
        [Parameter(Position = 1)] [string] $Method = 'GET',
        [Parameter(Mandatory, Position = 0)] [string] $Path,
        [Parameter(Position = 2)] $Body
    )
    $Method = $Method.ToUpperInvariant()
    if (-not $Path.StartsWith('/')) { $Path = "/$Path" }
    if ($Method -notmatch '^[A-Z]+$' -or $Path -match '[\s\p{Cc}]') { throw "`"$Method $Path`" is not a request: check method and path." }
    if (-not $__Octopus.Socket -and -not $__Octopus.BaseUrl) {
        throw 'This run has no access to the API: ask the operator to enable it.'
    }
    $content = $null
    if ($PSBoundParameters.ContainsKey('Body')) {
        $content = if ($Body -is [string]) { $Body } else { __Octopus_ToJson $Body }
    }
    try {
        $answer = if ($__Octopus.Socket) { __Octopus_ExchangeOverSocket $Method $Path $content }
        else { __Octopus_ExchangeOverHttp $Method $Path $content }
    }
    catch {
        $reason = $_.Exception
        while ($reason.InnerException) { $reason = $reason.InnerException }
        throw "The API could not be reached for $Method ${Path}: $($reason.Message.TrimEnd('.'))."
    }
    if ($answer.Status -ge 300) {
        throw "The API answered $($answer.Status) to $Method ${Path}: $(__Octopus_Problem $answer.Text)"
    }
    if (-not $answer.Text.Trim()) { return }
    try { $result = __Octopus_ParseJson $answer.Text }
    catch { throw "The API answered $Method $Path with something that is not JSON: check the path." }
    return $result
}

function New-OctopusRelease {
    param(
        [Parameter(Mandatory, Position = 0)] [string] $Project,
        [Parameter(Mandatory, Position = 1)] [string] $Version,
        [Parameter(Position = 2)] [Alias('Notes')] [string] $ReleaseNotes = ''
    )
    Invoke-OctopusApi -Method POST -Path /api/releases/ -Body @{ project = $Project; version = $Version; notes = $ReleaseNotes }
}

function __Octopus_Client {
    $client = [pscustomobject] @{ BaseUrl = $__Octopus.BaseUrl }
    $methods = @{
        Get           = { param($path) Invoke-OctopusApi -Method GET -Path $path }
        Post          = { param($path, $body) Invoke-OctopusApi -Method POST -Path $path -Body $body }
        Put           = { param($path, $body) Invoke-OctopusApi -Method PUT -Path $path -Body $body }
        Delete        = { param($path) Invoke-OctopusApi -Method DELETE -Path $path }
        CreateRelease = { param($project, $version, $notes) New-OctopusRelease $project $version $notes }
    }
    foreach ($name in $methods.Keys) {
        $client.PSObject.Methods.Add([psscriptmethod]::new($name, $methods[$name]))
    }
    return $client
}

function __Octopus_Dictionary($Object) {
    $values = [System.Collections.Generic.Dictionary[string, string]]::new([StringComparer]::OrdinalIgnoreCase)
    foreach ($property in $Object.EnumerateObject()) { $values[$property.Name] = $property.Value.GetString() }
    return , $values
}

# `Octopus.Project.Name` is also $OctopusProjectName. What exists keeps its value, and names that steer the engine are
# left alone (SEC-54).
function __Octopus_ShortNames {
    foreach ($name in $OctopusParameters.Keys) {
        if ($name.Contains('[')) { continue }
        $legacy = $name -replace '[^A-Za-z0-9]', ''
        foreach ($short in ($name -replace '[^A-Za-z0-9_]', ''), $legacy) {
            if ($short -eq '' -or $short -match '^(PS.*|__Octopus.*|OFS|LASTEXITCODE|_|this|args|input|matches|Log.*Event)$') { continue }
            if ($null -eq $ExecutionContext.SessionState.PSVariable.Get($short)) {
                $ExecutionContext.SessionState.PSVariable.Set("script:$short", $OctopusParameters[$name])
            }
        }
    }
}

$__OctopusFile = [IO.Path]::Combine([Environment]::GetEnvironmentVariable('REACTIONS_INPUTS'), 'context.json')
$__OctopusContext = [System.Text.Json.JsonDocument]::Parse([IO.File]::ReadAllText($__OctopusFile)).RootElement
[IO.File]::Delete($__OctopusFile)
$__Octopus = @{
    Script  = $__OctopusContext.GetProperty('script').GetString()
    BaseUrl = $__OctopusContext.GetProperty('api').GetProperty('base_url').GetString().TrimEnd('/')
    Token   = $__OctopusContext.GetProperty('api').GetProperty('token').GetString()
    Socket  = $__OctopusContext.GetProperty('api').GetProperty('socket').GetString()
}
$OctopusParameters = __Octopus_Dictionary $__OctopusContext.GetProperty('variables')
$Query = __Octopus_Dictionary $__OctopusContext.GetProperty('query')
$Event = __Octopus_ParseJson $__OctopusContext.GetProperty('event').GetString()
$PayloadText = $OctopusParameters['Payload']
$Payload = $null
if ($__OctopusContext.GetProperty('payload').GetString()) {
    $Payload = __Octopus_ParseJson $__OctopusContext.GetProperty('payload').GetString()
}
$Octopus = __Octopus_Client
$OctopusBaseUrl = $__Octopus.BaseUrl
$OctopusApiKey = $__Octopus.Token
__Octopus_ShortNames
$__OctopusContext = $__OctopusFile = $null

try {
    . $__Octopus.Script
}
catch {
    [Console]::Out.Flush()
    [Console]::Error.WriteLine($_.Exception.Message)
    # Where in this file it happened says nothing to the script's author.
    if ($_.InvocationInfo.PositionMessage -and $_.InvocationInfo.ScriptName -ne $PSCommandPath) {
        [Console]::Error.WriteLine($_.InvocationInfo.PositionMessage)
    }
    foreach ($__OctopusLine in "$($_.ScriptStackTrace)".Split("`n")) {
        if ($__OctopusLine -and -not $__OctopusLine.Contains($PSCommandPath)) { [Console]::Error.WriteLine($__OctopusLine.TrimEnd()) }
    }
    exit 1
}
$__OctopusCode = $ExecutionContext.SessionState.PSVariable.Get('global:LASTEXITCODE')
if ($null -ne $__OctopusCode -and $null -ne $__OctopusCode.Value) { exit $__OctopusCode.Value }
