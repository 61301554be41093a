// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

interface Token {
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

/// Pays many in one transaction, as exchanges do: for tests of several transfers in one.
contract TestDisperse {
    error NotPaid(address to);

    function disperse(Token token, address[] calldata to, uint256[] calldata values) external {
        for (uint256 i = 0; i < to.length; i++) {
            require(token.transferFrom(msg.sender, to[i], values[i]));
        }
    }

    function disperseNative(address[] calldata to, uint256[] calldata values) external payable {
        for (uint256 i = 0; i < to.length; i++) {
            (bool sent, ) = to[i].call{value: values[i]}("");
            if (!sent) revert NotPaid(to[i]);
        }
    }
}
