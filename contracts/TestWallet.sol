// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// The least of a wallet that is a contract (Safe, ERC-4337): holds the chain's own asset and carries out calls for its
/// owner. The other ways out are there for tests of what nodes tell of them.
contract TestWallet {
    address public immutable owner = msg.sender;

    error NotOwner();
    error TakenBack();

    modifier onlyOwner() {
        if (msg.sender != owner && msg.sender != address(this)) revert NotOwner();
        _;
    }

    constructor() payable {}

    receive() external payable {}

    function execute(address to, uint256 value, bytes memory data) public onlyOwner {
        (bool done, bytes memory answer) = to.call{value: value}(data);
        if (!done) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    /// Pays, and takes the payment back; the transaction goes on and succeeds.
    function payInVain(address to, uint256 value) external onlyOwner {
        try this.payAndRevert(to, value) {} catch {}
    }

    function payAndRevert(address to, uint256 value) external onlyOwner {
        execute(to, value, "");
        revert TakenBack();
    }

    /// Ends, and leaves all it has to `heir` without calling it.
    function end(address payable heir) external onlyOwner {
        selfdestruct(heir);
    }
}
