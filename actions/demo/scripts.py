"""The script of the RFC's first story, as PowerShell and as its Python twin: a package was pushed, make a release."""

PYTHON = """\
package = payload["Payload"]
version = package["PackageVersion"]
metadata = package.get("PackageMetadata") or {}

print(f"{package['PackageIdentifier']} {version} was pushed to {package['FeedIdentifier']}")
updateprogress(30, "building release notes")

notes = [f"## {package['PackageIdentifier']} {version}", ""]
if metadata.get("Description"):
    notes += [metadata["Description"], ""]
if metadata.get("ReleaseNotes"):
    notes += [metadata["ReleaseNotes"], ""]
for dependency in metadata.get("Dependencies") or []:
    notes.append(f"- needs {dependency['PackageIdentifier']} {dependency['PackageVersion']}")
notes.append(f"Package: {package['PackageDetailsUrl']}")
if query.get("channel"):
    notes.append(f"Channel: {query['channel']}")

release = octopus.create_release(project="Core Web", version=version, notes="\\n".join(notes))
set_octopusvariable("ReleaseId", release["id"])
printhighlight(f"Created release {release['version']} of Core Web")
"""

POWERSHELL = """\
$package = $Payload.Payload
$version = $package.PackageVersion
$metadata = $package.PackageMetadata

Write-Host "$($package.PackageIdentifier) $version was pushed to $($package.FeedIdentifier)"
Update-Progress 30 "building release notes"

$notes = @("## $($package.PackageIdentifier) $version", "")
if ($metadata.Description) { $notes += $metadata.Description, "" }
if ($metadata.ReleaseNotes) { $notes += $metadata.ReleaseNotes, "" }
foreach ($dependency in $metadata.Dependencies) {
    $notes += "- needs $($dependency.PackageIdentifier) $($dependency.PackageVersion)"
}
$notes += "Package: $($package.PackageDetailsUrl)"
if ($Query.channel) { $notes += "Channel: $($Query.channel)" }

$release = New-OctopusRelease -Project "Core Web" -Version $version -ReleaseNotes ($notes -join "`n")
Set-OctopusVariable -Name "ReleaseId" -Value $release.id
Write-Highlight "Created release $($release.version) of Core Web"
"""
